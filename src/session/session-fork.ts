/** The copy of a session, over HTTP and in code. */
import { randomUUID } from 'node:crypto'

import { LoomError } from '../ground/error.ts'
import type { Sessions } from '../sessions.ts'
import type { SessionRecord } from '../store/session.ts'
import { checkText, checkWhole } from './given-value.ts'
import { storedId } from './tenant-ids.ts'

/** The content of a copy of a session. */
export interface SessionFork {
  /** The id of the copy, as its principal names it. @defaultValue a random UUID */
  id?: string | undefined
  /** The id of the last copied message. @defaultValue the last message */
  messageId?: string | undefined
  /** The number of a branch: the copy has the history as it was before that cut. @defaultValue none */
  branch?: number | undefined
  /** The subject to whom the copy belongs. @defaultValue the whole tenant */
  subject?: string | undefined
}

/**
 * Returns the id of the copy, as its principal names it.
 * @throws LoomError `not-found` if the session has no such message or branch, or the id is in use;
 * `invalid-request` for a branch that is no whole number
 */
export async function forkSession(
  sessions: Sessions,
  { id: sessionId, tenant }: SessionRecord,
  { id = randomUUID(), messageId, branch, subject }: SessionFork,
): Promise<string> {
  if (messageId !== undefined) checkText('messageId', messageId)
  checkWhole('branch', branch)
  const newId = storedId(tenant, id)
  // The record of a task names the agent of its root, which finds that of the task.
  const agent = (await sessions.taskOf(sessionId))?.agent
  const options = { newId, tenant, through: messageId, branch, subject, agent }
  const isForked = await sessions.fork(sessionId, options)
  if (isForked) return id
  const isTaken = (await sessions.find(tenant, id)) !== undefined
  throw new LoomError(
    'not-found',
    isTaken
      ? `There is a session "${id}" already: choose another id for the copy.`
      : missing(messageId, branch),
  )
}

function missing(messageId: string | undefined, branch: number | undefined): string {
  if (branch === undefined) return `The session has no message "${messageId ?? ''}" in its history.`
  if (messageId === undefined) return `The session has no branch ${branch}.`
  return `The session has no branch ${branch}, or the branch has no message "${messageId}".`
}
