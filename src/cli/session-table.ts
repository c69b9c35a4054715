/** Sessions as lines: the time of the last use, the id and the beginning of the first message. */
import type { ConversationSummary } from './conversation.ts'
import { plainLine } from './render/plain.ts'
import { cutTo } from './render/width.ts'

export interface SessionTableOptions {
  /** The width that lines are cut to. Undefined cuts nothing. */
  width: number | undefined
  isNumbered: boolean
  /** The current folder. Sessions of another folder show their folder. */
  here: string
}

export function sessionTable(
  sessions: readonly ConversationSummary[],
  { width, isNumbered, here }: SessionTableOptions,
): string {
  if (sessions.length === 0) return 'There are no sessions.\n'
  const lines = sessions.map(({ id, updatedAt, agent, title, directory = here }, index) => {
    const number = isNumbered ? `${String(index + 1).padStart(2)}  ` : ''
    const about = plainLine(title ?? agent)
    const place = directory === here ? '' : `  (${plainLine(directory)})`
    const line = `${number}${when(updatedAt)}  ${plainLine(id)}  ${about}${place}`
    return width === undefined ? line : cutTo(line, width)
  })
  return `${lines.join('\n')}\n`
}

/** Formats a time to the minute, in local time. The texts sort by time. */
export function when(ms: number): string {
  const date = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}
