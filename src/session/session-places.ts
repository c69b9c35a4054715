/**
 * What a reader of a whole session reads next: the places of its messages' logs, one after the other.
 * The reader may have been slow, so turns that began and ended meanwhile come first, as far as their
 * logs are still there.
 */
import type { UIMessage } from 'ai'

import type { LogReader } from '../store/log.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import { compareIds } from './entry-id.ts'
import type { Place } from './place.ts'

/** The log that was read last, and the last entry of it that was read. */
export interface ReadTo {
  logId: string
  after: string | undefined
}

export interface NextMessage {
  place: Place
  /** User messages that entered the history before it, in order. */
  said: readonly UIMessage[]
}

type ReadStore = LogReader & SessionReader

/** Undefined where the session has nothing (more) for a reader that read so far. */
export async function nextMessage(
  store: ReadStore,
  session: SessionRecord,
  readTo: ReadTo | undefined,
): Promise<NextMessage | undefined> {
  const { turn, state, id } = session
  if (turn === undefined) return undefined
  if (turn.logId === readTo?.logId) {
    const { logId, after } = readTo
    // A message that waited continues in its own log.
    if (after !== undefined && compareIds(turn.lastId, after) <= 0) return undefined
    const page = await store.readLog(id, logId, after, 1)
    if (page === undefined || page.entries.length === 0) return undefined
    return { place: { logId, after, skip: 0 }, said: [] }
  }
  const history = await store.messages(id)
  const from = history.findIndex((message) => message.id === readTo?.logId) + 1
  const later = from === 0 ? [] : history.slice(from)
  for (const [index, { id: logId, role }] of later.entries()) {
    if (role !== 'assistant' || (await isGone(store, id, logId))) continue
    return { place: start(logId), said: usersIn(later.slice(0, index)) }
  }
  const isOpen = state !== 'idle'
  if (!isOpen && (from > 0 || (await isGone(store, id, turn.logId)))) return undefined
  const end = isOpen ? history.length : history.findIndex((message) => message.id === turn.logId)
  const before = history.slice(0, Math.max(0, end))
  const last = before.findLastIndex(({ role }) => role === 'assistant')
  return { place: start(turn.logId), said: usersIn(before.slice(last + 1)) }
}

const start = (logId: string): Place => ({ logId, after: undefined, skip: 0 })

const usersIn = (messages: readonly UIMessage[]) => messages.filter(({ role }) => role === 'user')

const isGone = async (store: ReadStore, sessionId: string, logId: string) =>
  (await store.readLog(sessionId, logId, undefined, 1)) === undefined
