/** The history of a session or a part of it, and the queue after it, for HTTP and for programs. */
import { LoomError } from '../ground/error.ts'
import type { Sessions } from '../sessions.ts'
import type { MessagePage } from '../store/session.ts'

/** The maximum number of messages of a part, and the default for a part that `before` ends. */
export const historyPartMax = 1000

/** The request of a history; see `HistoryOptions`. */
interface HistoryRequest {
  queued?: boolean | undefined
  limit?: number | undefined
  before?: string | undefined
}

/**
 * Returns the history or a part of it, without the unfinished answer. With `queued`, the messages of the queue
 * follow the end of the history.
 * @throws LoomError `invalid-request` for a bad `limit`; `not-found` if the history has no message with the id
 * `before`
 */
export async function readHistory(
  sessions: Sessions,
  sessionId: string,
  { queued = false, limit, before }: HistoryRequest,
): Promise<MessagePage> {
  if (limit !== undefined) checkLimit(limit)
  const isPart = limit !== undefined || before !== undefined
  // The queue first, so that the result has a message that moves to the history between the two reads.
  const queue = queued && before === undefined ? await sessions.queuedMessages(sessionId) : []
  const page = isPart
    ? await sessions.messagePage(sessionId, { limit: limit ?? historyPartMax, before })
    : { messages: await sessions.messages(sessionId), hasEarlier: false }
  if (page === undefined) throw noMessage(before ?? '')
  if (queue.length === 0) return page
  const ids = new Set(page.messages.map(({ id }) => id))
  return {
    ...page,
    messages: [...page.messages, ...queue.filter(({ id }) => !ids.has(id))],
  }
}

function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= historyPartMax) return
  throw new LoomError(
    'invalid-request',
    `limit must be a whole number from 1 to ${historyPartMax}.`,
  )
}

const noMessage = (id: string) =>
  new LoomError(
    'not-found',
    `The history has no message with the id "${id}": an edit or a regeneration may have removed it. Load the newest messages again.`,
  )
