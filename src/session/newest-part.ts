/**
 * Where the part of an assistant message begins in its log that follows a client's answers: for a
 * client that holds what came before them and posts them again. Given anything earlier, it would
 * show that twice.
 */
import type { AgentEvent } from '../event.ts'
import { MessageFold } from '../message-fold.ts'
import type { Answer } from '../store/letter.ts'
import type { LogEntry } from '../store/log.ts'
import { idBefore } from './entry-id.ts'
import type { Place } from './place.ts'
import { isAwaited } from './posted.ts'

export interface NewestPart {
  place: Place
  /**
   * `settled`: the log took an answer to one of these calls, this client's or another's, and `place`
   * is where that part begins. `awaited`: the message still waits for one of them; `place` is behind
   * all that the log has. `newest`: neither; `place` is the last part.
   */
  as: 'settled' | 'awaited' | 'newest'
}

/**
 * @param answers what the client posted
 * @returns undefined where the message was never continued and waits for none of the answers
 */
export function newestPart(
  logId: string,
  entries: readonly LogEntry[],
  answers: readonly Answer[],
): NewestPart | undefined {
  const fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
  const awaited = () => answers.filter((answer) => isAwaited(fold.message, answer)).length
  let starts = 0
  let start: Place | undefined
  let settled: Place | undefined
  let finishedAt: string | undefined
  // Answers stand between the start of a part and its first step.
  let takesAnswers = false
  for (const entry of entries) {
    for (const [index, event] of entry.events.entries()) {
      if (event.type === 'start') {
        starts += 1
        start = { logId, after: idBefore(entry.id), skip: index }
        takesAnswers = starts > 1
      }
      if (event.type === 'start-step') takesAnswers = false
      if (event.type === 'finish') finishedAt = entry.id
      const before = takesAnswers && answerTypes.has(event.type) ? awaited() : 0
      fold.add(event)
      if (before > 0 && awaited() < before) settled = start
    }
  }
  if (finishedAt !== undefined && awaited() > 0) {
    return { as: 'awaited', place: { logId, after: finishedAt, skip: 0 } }
  }
  if (settled !== undefined) return { as: 'settled', place: settled }
  return start === undefined || starts < 2 ? undefined : { as: 'newest', place: start }
}

const answerTypes: ReadonlySet<AgentEvent['type']> = new Set([
  'tool-output-available',
  'tool-output-error',
  'tool-approval-response',
])
