/**
 * The list of the sessions of a tenant. It is in another slot than the sessions, so it is only a hint: a
 * post writes it without waiting, the next post repairs it, and readers check every entry.
 */
import type { SessionPage, SessionRecord } from '../session.ts'
import { isTaskId } from '../task.ts'
import type { Connection } from './connection.ts'
import { escaped, indexKey, unescaped } from './keys.ts'
import type { Limits } from './limits.ts'
import { renewRoot } from './tasks.ts'

/** Moves a session to the front of the list. A task is in no list: its use renews its root. */
export function noteUse(
  connection: Connection,
  limits: Limits,
  { tenant, sessionId }: { tenant: string; sessionId: string },
): void {
  if (isTaskId(sessionId)) return renewRoot(connection, limits, sessionId)
  const session = escaped(sessionId)
  const listing = connection.run(
    'index-session',
    { index: indexKey(tenant) },
    { ...limits, session },
  )
  // If this fails, the accepted post must not fail.
  listing.catch(() => {})
}

export function unlistSessions(
  connection: Connection,
  tenant: string,
  sessionIds: readonly string[],
): void {
  const ids = sessionIds.map(escaped)
  connection.send((client) => client.zrem(indexKey(tenant), ...ids)).catch(() => {})
}

export async function readList(
  connection: Connection,
  tenant: string,
  { limit, before }: { limit: number; before?: number },
  read: (sessionId: string) => Promise<SessionRecord | undefined>,
): Promise<SessionPage> {
  const sessions: SessionRecord[] = []
  let from = before === undefined ? '+inf' : `(${before}`
  while (sessions.length < limit) {
    const count = limit - sessions.length
    const rows = await connection.send((client) =>
      client.zrevrangebyscore(indexKey(tenant), from, '-inf', 'WITHSCORES', 'LIMIT', 0, count),
    )
    const ids = rows.filter((_, index) => index % 2 === 0).map(unescaped)
    const records = await Promise.all(ids.map(read))
    sessions.push(...records.flatMap((record) => (record?.tenant === tenant ? [record] : [])))
    const gone = ids.filter((_, index) => records[index]?.tenant !== tenant)
    if (gone.length > 0) unlistSessions(connection, tenant, gone)
    if (ids.length < count) return { sessions }
    from = `(${rows.at(-1)}`
  }
  return { sessions, ...(limit > 0 && { before: Number(from.slice(1)) }) }
}
