/** The place of a reader in the logs of a session. A cursor names an event that the reader has already. */
import { LoomError } from '../ground/error.ts'
import { compareIds, type LogReader } from '../store/log.ts'
import type { SessionReader } from '../store/session.ts'
import { idBefore, parseCursor } from './entry-id.ts'

/** The reader needs the entries of `logId` after `after`. */
export interface Place {
  logId: string
  after: string | undefined
  /** The number of events of the first entry that the reader has already. */
  skip: number
}

/** Returns the start of the unfinished message. Returns undefined if there is none. */
export async function placeOfUnfinished(
  store: SessionReader,
  sessionId: string,
): Promise<Place | undefined> {
  const session = await store.session(sessionId)
  const isOpen = session?.state === 'running' || session?.state === 'waiting'
  if (!isOpen || session.turn === undefined) return undefined
  return { logId: session.turn.logId, after: undefined, skip: 0 }
}

/**
 * Returns the place after a cursor. `ahead`: the cursor belongs to the claim of the running turn and is
 * beyond the end of the log, so that only the owner of this claim can have the entry.
 * @throws LoomError `gone` if no log has the cursor any more
 */
export async function placeBehind(
  store: LogReader & SessionReader,
  sessionId: string,
  cursor: string,
): Promise<Place | 'ahead'> {
  const { entryId, index } = parseCursor(cursor)
  const logId = await store.findLog(sessionId, entryId)
  const after = idBefore(entryId)
  const page = logId === undefined ? undefined : await store.readLog(sessionId, logId, after, 1)
  const [entry] = page?.entries ?? []
  if (entry === undefined && (await isAhead(store, sessionId, entryId))) return 'ahead'
  if (logId === undefined || entry?.id !== entryId || index >= entry.events.length) {
    throw new LoomError('gone', 'The stream no longer has that place: load the messages instead.')
  }
  return { logId, after, skip: index + 1 }
}

async function isAhead(store: SessionReader, sessionId: string, entryId: string): Promise<boolean> {
  const session = await store.session(sessionId)
  const turn = session?.state === 'running' ? session.turn : undefined
  if (turn === undefined || !entryId.startsWith(`${turn.claim}-`)) return false
  return compareIds(entryId, turn.lastId) > 0
}

/** For a reader of a session that was deleted or has expired, also if a new session has the same id. */
export const sessionGone = () =>
  new LoomError(
    'gone',
    'This conversation was deleted or has expired, and its stream ends here. Load the messages, and follow again.',
  )
