/**
 * Where the newest part of an assistant message begins in its log: for a client that holds what came
 * before and posts its answers again. Given anything earlier, it would show that twice.
 */
import type { AgentEvent } from '../event.ts'
import { MessageFold } from '../message-fold.ts'
import type { Place } from '../sessions.ts'
import type { LogEntry } from '../store/turn.ts'
import { idBefore } from './entry-id.ts'
import type { Answer } from './letter-request.ts'
import { isAwaited } from './posted.ts'

const isStart = ({ type }: AgentEvent) => type === 'start'
const isFinish = ({ type }: AgentEvent) => type === 'finish'

/**
 * @param answers what the client posted
 * @returns undefined where the message was never gone on with
 */
export function newestPart(
  logId: string,
  entries: readonly LogEntry[],
  answers: readonly Answer[],
): Place | undefined {
  const finished = entries.findLast(({ events }) => events.some(isFinish))
  const fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
  for (const event of entries.flatMap(({ events }) => events)) fold.add(event)
  // They were accepted, and the log does not tell of them yet: what comes next is the newest part.
  if (finished !== undefined && answers.some((answer) => isAwaited(fold.message, answer))) {
    return { logId, after: finished.id, skip: 0 }
  }
  const parts = entries.filter(({ events }) => events.some(isStart))
  const entry = parts.at(-1)
  if (entry === undefined || parts.length < 2) return undefined
  return { logId, after: idBefore(entry.id), skip: entry.events.findLastIndex(isStart) }
}
