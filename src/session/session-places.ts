/**
 * The places that a reader of a whole session reads: the logs of its messages, one after the other. A
 * slow reader first gets the turns that began and ended meanwhile, if their logs still exist.
 */
import type { UIMessage } from 'ai'

import { compareIds, type LogReader } from '../store/log.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import type { Place } from './place.ts'

/** The last log that the reader has read, and its last entry. */
export interface ReadTo {
  logId: string
  after: string | undefined
}

export interface NextMessage {
  place: Place
  /** The user messages before it that the reader has not received, in the order of the history. */
  userMessages: readonly UIMessage[]
}

type ReadStore = LogReader & SessionReader

/** Returns undefined if the session has nothing new for this reader. */
export async function nextMessage(
  store: ReadStore,
  session: SessionRecord,
  readTo: ReadTo | undefined,
): Promise<NextMessage | undefined> {
  const { turn, state, id } = session
  if (turn === undefined) return undefined
  if (turn.logId === readTo?.logId) {
    const { logId, after } = readTo
    // A message that waited for answers continues in the same log.
    if (after !== undefined && compareIds(turn.lastId, after) <= 0) return undefined
    const page = await store.readLog(id, logId, after, 1)
    if (page === undefined || page.entries.length === 0) return undefined
    return { place: { logId, after, skip: 0 }, userMessages: [] }
  }
  const history = await store.messages(id)
  const from = history.findIndex((message) => message.id === readTo?.logId) + 1
  const later = from === 0 ? [] : history.slice(from)
  for (const [index, { id: logId, role }] of later.entries()) {
    if (role !== 'assistant' || (await isGone(store, id, logId))) continue
    return { place: start(logId), userMessages: usersIn(later.slice(0, index)) }
  }
  const isOpen = state !== 'idle'
  if (!isOpen && (from > 0 || (await isGone(store, id, turn.logId)))) return undefined
  const end = isOpen ? history.length : history.findIndex((message) => message.id === turn.logId)
  const before = history.slice(0, Math.max(0, end))
  const last = before.findLastIndex(({ role }) => role === 'assistant')
  return { place: start(turn.logId), userMessages: usersIn(before.slice(last + 1)) }
}

const start = (logId: string): Place => ({ logId, after: undefined, skip: 0 })

const usersIn = (messages: readonly UIMessage[]) => messages.filter(({ role }) => role === 'user')

const isGone = async (store: ReadStore, sessionId: string, logId: string) =>
  (await store.readLog(sessionId, logId, undefined, 1)) === undefined
