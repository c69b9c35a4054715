/** The wait of a caller for a whole answer. */
import { LoomError } from '../ground/error.ts'
import type { FoldedMessage } from '../message-fold.ts'
import type { Sessions } from '../sessions.ts'
import type { LogEntry } from '../store/log.ts'
import type { SessionRecord } from '../store/session.ts'
import type { Place } from './place.ts'
import type { Receipt } from './receipt.ts'

/** The place of an answer. `letterId` is undefined if it is not known which letter the turn answers. */
export type AnswerReceipt = Omit<Receipt, 'letterId'> & { letterId: string | undefined }

export interface WholeAnswer {
  message: FoldedMessage
  /** The session after the answer. Undefined if it was deleted meanwhile. */
  session: SessionRecord | undefined
}

/**
 * Waits until the turn of an answer has begun, and returns the place of the answer.
 * @throws LoomError `refused` if the letter was withdrawn or cut; the reason of the signal
 */
export async function placeOfAnswer(
  sessions: Sessions,
  sessionId: string,
  receipt: AnswerReceipt,
  signal: AbortSignal,
): Promise<Place> {
  const { letterId, queued } = receipt
  if (!queued || letterId === undefined) return receipt
  return sessions.readers.placeOfLetter(sessionId, { ...receipt, letterId }, signal)
}

/**
 * Waits for an answer to its end.
 * @param deliver receives the entries of the log as they come
 * @throws LoomError `gone` if the answer is neither in a log nor in the history; `refused` if its letter
 * was withdrawn; the reason of the signal
 */
export async function wholeAnswer(
  sessions: Sessions,
  sessionId: string,
  receipt: AnswerReceipt,
  {
    signal,
    deliver = () => undefined,
  }: { signal: AbortSignal; deliver?: (entry: LogEntry) => void | Promise<void> },
): Promise<WholeAnswer> {
  const { logId, after } = await placeOfAnswer(sessions, sessionId, receipt, signal)
  await sessions.readers.follow({ sessionId, logId, after, signal, deliver })
  const message = await sessions.answerOf(sessionId, logId)
  if (message === undefined) throw answerGone()
  return { message, session: await sessions.session(sessionId) }
}

export const answerGone = () =>
  new LoomError('gone', 'The stream of this answer has expired: load the messages instead.')
