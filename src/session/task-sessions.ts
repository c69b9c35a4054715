/** The sessions of a process as their tasks use them. `Sessions` has all of this. */
import type { FoldedMessage } from '../message-fold.ts'
import type { SessionRecord } from '../store/session.ts'
import type { AnswerTarget } from './accept-answer.ts'
import type { StopOptions } from './mailboxes.ts'
import type { Readers } from './readers.ts'

export interface TaskSessions extends AnswerTarget {
  readonly readers: Pick<Readers, 'follow'>
  session: (sessionId: string) => Promise<SessionRecord | undefined>
  /** Returns the message of a log, as far as the log has it. */
  partialAnswer: (sessionId: string, logId: string) => Promise<FoldedMessage>
  /** Returns an answer, finished or not. Undefined if there is none. */
  answerOf: (sessionId: string, logId: string) => Promise<FoldedMessage | undefined>
  /** Stops the running turn. Returns false if no turn runs. */
  stop: (sessionId: string, tenant: string, options: StopOptions) => Promise<boolean>
  /** Deletes one session, without its tasks. */
  removeOne: (sessionId: string, tenant: string, unusedSince?: number) => Promise<boolean>
}
