/** The tasks of a conversation as the lines of a tree: what runs, what waits, and what it cost. */
import type { TaskInfo } from '../../task.ts'
import { plainLine } from './plain.ts'
import type { Paint } from './style.ts'
import { cutTo, widthOf } from './width.ts'

export const isUnfinished = ({ state }: TaskInfo): boolean =>
  state === 'queued' || state === 'running' || state === 'waiting'

interface TaskLineOptions {
  columns: number
  paint: Paint
  /** The id of the session whose tasks are shown. */
  root: string
}

const marks = {
  queued: '○',
  running: '●',
  waiting: '?',
  finished: '✓',
  failed: '✗',
  stopped: '■',
} as const

/** One line for each task, below the line of its parent: `├ ● researcher red · running · 431 tokens`. */
export function taskLines(
  tasks: readonly TaskInfo[],
  { columns, paint, root }: TaskLineOptions,
): string[] {
  const lines = (parent: string, before: string): string[] => {
    const own = tasks.filter(({ parentId }) => parentId === parent)
    return own.flatMap((task, index) => {
      const isLast = index === own.length - 1
      const head = `${before}${isLast ? '└' : '├'} ${marks[task.state]} ${plainLine(task.agent)}`
      const facts = ` · ${factsOf(task)}`
      const title = ` ${plainLine(task.title)}`
      const room = columns - widthOf(head) - widthOf(facts)
      // The state is more important than the title.
      const hasRoom = room > titleMin || widthOf(title) <= room
      const line = hasRoom ? head + cutTo(title, room) + facts : cutTo(head + facts, columns)
      const style = task.state === 'failed' ? 'red' : task.state === 'waiting' ? 'yellow' : 'dim'
      return [paint(style, line), ...lines(task.id, `${before}${isLast ? ' ' : '│'} `)]
    })
  }
  return lines(root, '')
}

const titleMin = 6

function factsOf({ state, background, error, spent }: TaskInfo): string {
  const { usage, cost } = spent ?? {}
  return [
    state === 'waiting' ? 'waits for an answer' : state,
    ...(background ? ['in the background'] : []),
    ...(error === undefined ? [] : [plainLine(error)]),
    ...(usage === undefined ? [] : [`${usage.totalTokens} tokens`]),
    ...(cost === undefined || cost.usd === 0 ? [] : [`$${cost.usd.toFixed(4)}`]),
  ].join(' · ')
}

/** The line about tasks that end with the command. Undefined if none is unfinished. */
export function lostTasks(tasks: readonly TaskInfo[]): string | undefined {
  const count = tasks.filter(isUnfinished).length
  if (count === 0) return undefined
  return `loom: ${count === 1 ? '1 task ends' : `${count} tasks end`} with this command`
}

/** `3 tasks · 1,234 tokens · $0.0300`, the sum over all tasks. */
export function taskSum(tasks: readonly TaskInfo[]): string {
  const spent = tasks.flatMap((task) => task.spent ?? [])
  const tokens = spent.reduce((sum, { usage }) => sum + usage.totalTokens, 0)
  const usd = spent.reduce((sum, { cost }) => sum + (cost?.usd ?? 0), 0)
  const isKnown = spent.every(({ cost }) => cost !== undefined)
  return [
    `${tasks.length} task${tasks.length === 1 ? '' : 's'}`,
    `${tokens} tokens`,
    ...(usd === 0 ? [] : [`${isKnown ? '' : 'at least '}$${usd.toFixed(4)}`]),
  ].join(' · ')
}
