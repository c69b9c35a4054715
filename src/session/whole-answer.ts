/** An answer that a caller waits for, and takes as a whole. */
import { LoomError } from '../ground/error.ts'
import type { FoldedMessage } from '../message-fold.ts'
import type { Sessions } from '../sessions.ts'
import type { LogEntry } from '../store/log.ts'
import type { SessionRecord } from '../store/session.ts'
import type { Answering } from './answering.ts'
import type { Place } from './place.ts'

/** Where an answer is read; without a letter where it is not known which one it answers. */
export type Answered = Omit<Answering, 'letterId'> & { letterId: string | undefined }

export interface WholeAnswer {
  message: FoldedMessage
  /** The session behind the answer; undefined where it was deleted meanwhile. */
  session: SessionRecord | undefined
}

/** Where an answer is read, once its turn has begun. @throws LoomError `refused`; the signal's reason */
export async function placeOfAnswer(
  sessions: Sessions,
  sessionId: string,
  answering: Answered,
  signal: AbortSignal,
): Promise<Place> {
  const { letterId, queued } = answering
  if (!queued || letterId === undefined) return answering
  return sessions.readers.begun(sessionId, { ...answering, letterId }, signal)
}

/**
 * Waits for an answer to its end.
 * @param deliver receives the entries of the log as they come
 * @throws LoomError `gone` when the answer is neither in a log nor in the history; `refused` when its
 * letter was withdrawn; the signal's reason
 */
export async function wholeAnswer(
  sessions: Sessions,
  sessionId: string,
  answering: Answered,
  {
    signal,
    deliver = () => undefined,
  }: { signal: AbortSignal; deliver?: (entry: LogEntry) => void | Promise<void> },
): Promise<WholeAnswer> {
  const { logId, after } = await placeOfAnswer(sessions, sessionId, answering, signal)
  await sessions.readers.follow({ sessionId, logId, after, signal, deliver })
  const message = await sessions.answered(sessionId, logId)
  if (message === undefined) throw answerGone()
  return { message, session: await sessions.session(sessionId) }
}

export const answerGone = () =>
  new LoomError('gone', 'The stream of this answer is no longer held: load the messages instead.')
