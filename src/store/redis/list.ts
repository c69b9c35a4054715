import { isListedFor } from '../member.ts'
/**
 * The lists of the sessions of a tenant and of each subject. They are in other slots than the sessions, so they are
 * only hints: a post writes them without waiting, the next post repairs them, and readers check every entry.
 */
import type { SessionPage, SessionRecord } from '../session.ts'
import { isTaskId } from '../task.ts'
import type { Connection } from './connection.ts'
import { escaped, indexKey, subjectKey, unescaped } from './keys.ts'
import type { Limits } from './limits.ts'
import { isWrongType } from './patience.ts'
import { renewRoot } from './tasks.ts'

/** Moves a session to the front of the lists. A task is in no list: its use renews its root. */
export function noteUse(
  connection: Connection,
  limits: Limits,
  {
    tenant,
    sessionId,
    subjects = [],
  }: { tenant: string; sessionId: string; subjects?: readonly string[] | undefined },
): void {
  if (isTaskId(sessionId)) return renewRoot(connection, limits, sessionId)
  moveToFront(connection, limits, { index: indexKey(tenant), sessionId })
  noteSubjects(connection, limits, { tenant, sessionId, subjects })
}

/** Moves a session to the front of the lists of subjects. */
export function noteSubjects(
  connection: Connection,
  limits: Limits,
  {
    tenant,
    sessionId,
    subjects,
  }: { tenant: string; sessionId: string; subjects: readonly string[] },
): void {
  for (const subject of subjects) {
    moveToFront(connection, limits, { index: subjectKey(tenant, subject), sessionId })
  }
}

/** Moves a session to the front of one list. */
export function moveToFront(
  connection: Connection,
  limits: Limits,
  { index, sessionId }: { index: string; sessionId: string },
): void {
  const session = escaped(sessionId)
  // If this fails, the accepted post must not fail.
  connection.run('index-session', { index }, { ...limits, session }).catch(() => {})
}

export function unlistSessions(
  connection: Connection,
  index: string,
  sessionIds: readonly string[],
): void {
  const ids = sessionIds.map(escaped)
  connection.send((client) => client.zrem(index, ...ids)).catch(() => {})
}

export async function readList(
  connection: Connection,
  tenant: string,
  { limit, before, subject }: { limit: number; before?: number; subject?: string },
  read: (sessionId: string) => Promise<SessionRecord | undefined>,
): Promise<SessionPage> {
  const index = subject === undefined ? indexKey(tenant) : subjectKey(tenant, subject)
  const isListed = (record: SessionRecord | undefined): record is SessionRecord =>
    record?.tenant === tenant && isListedFor(record, subject)
  const sessions: SessionRecord[] = []
  let from = before === undefined ? '+inf' : `(${before}`
  while (sessions.length < limit) {
    const count = limit - sessions.length
    const rows = await connection.send((client) =>
      client.zrevrangebyscore(index, from, '-inf', 'WITHSCORES', 'LIMIT', 0, count),
    )
    const ids = rows.filter((_, index) => index % 2 === 0).map(unescaped)
    const records = await Promise.all(
      ids.map((id) =>
        read(id).catch((error: unknown) => unreadable(error, { id, tenant, subject })),
      ),
    )
    sessions.push(...records.filter(isListed))
    const gone = ids.filter((_, at) => !isListed(records[at]))
    if (gone.length > 0) unlistSessions(connection, index, gone)
    if (ids.length < count) return { sessions }
    from = `(${rows.at(-1)}`
  }
  return { sessions, ...(limit > 0 && { before: Number(from.slice(1)) }) }
}

/**
 * The entry of a session whose record another program replaced. The list of its owner shows it with the state `unknown`,
 * and stays complete.
 * @throws every other error
 */
function unreadable(
  error: unknown,
  { id, tenant, subject }: { id: string; tenant: string; subject: string | undefined },
): SessionRecord {
  if (!isWrongType(error)) throw error
  const access = { tenant, ...(subject !== undefined && { subject }) }
  return { id, ...access, agent: '', state: 'unknown', createdAt: 0, updatedAt: 0, queued: 0 }
}
