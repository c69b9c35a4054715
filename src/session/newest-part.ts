/**
 * The place in a log where the part of a message begins that follows a client's answers. A client that
 * posts its answers again has everything before them, and would show any earlier part twice.
 */
import type { LogEvent } from '../event.ts'
import { MessageFold } from '../message-fold.ts'
import type { Answer } from '../store/letter.ts'
import type { LogEntry } from '../store/log.ts'
import { waitsForAnswer } from './answer-letter.ts'
import { idBefore } from './entry-id.ts'
import type { Place } from './place.ts'

export interface NewestPart {
  place: Place
  /**
   * `settled`: the log has an answer to one of these calls, from this client or another one, and `place`
   * is the start of the part after it. `pending`: the message still waits for one of the answers, and
   * `place` is the end of the log. `newest`: neither, and `place` is the start of the last part.
   */
  as: 'settled' | 'pending' | 'newest'
}

/**
 * @param answers the answers of the client
 * @returns undefined if the message has one part only and waits for none of the answers
 */
export function newestPart(
  logId: string,
  entries: readonly LogEntry[],
  answers: readonly Answer[],
): NewestPart | undefined {
  const fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
  const pendingCount = () => answers.filter((answer) => waitsForAnswer(fold.message, answer)).length
  let starts = 0
  let start: Place | undefined
  let settledPlace: Place | undefined
  let finishId: string | undefined
  // The log has answers between the start of a part and its first step.
  let takesAnswers = false
  for (const entry of entries) {
    for (const [index, event] of entry.events.entries()) {
      if (event.type === 'start') {
        starts += 1
        start = { logId, after: idBefore(entry.id), skip: index }
        takesAnswers = starts > 1
      }
      if (event.type === 'start-step') takesAnswers = false
      if (event.type === 'finish') finishId = entry.id
      const before = takesAnswers && answerTypes.has(event.type) ? pendingCount() : 0
      fold.add(event)
      if (before > 0 && pendingCount() < before) settledPlace = start
    }
  }
  if (finishId !== undefined && pendingCount() > 0) {
    return { as: 'pending', place: { logId, after: finishId, skip: 0 } }
  }
  if (settledPlace !== undefined) return { as: 'settled', place: settledPlace }
  return start === undefined || starts < 2 ? undefined : { as: 'newest', place: start }
}

const answerTypes: ReadonlySet<LogEvent['type']> = new Set([
  'tool-output-available',
  'tool-output-error',
  'tool-approval-response',
])
