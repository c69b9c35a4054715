/** The events of the audit in Redis: a stream for each tenant. */
import { fieldsOf } from '../../ground/fields.ts'
import { auditKeptMs, auditMax, type AuditStore, type StoredAuditEvent } from '../audit.ts'
import type { DataOwner } from '../erasure.ts'
import { isAuditEvent, isErased } from '../memory/audit.ts'
import type { Connection } from './connection.ts'
import { auditKey } from './keys.ts'

/** The number of events in one reply. */
const portion = 500

export function redisAudit(connection: Connection): AuditStore {
  return {
    async noteAudit(tenant, event) {
      await connection.run(
        'note-audit',
        { audit: auditKey(tenant) },
        { keptMs: auditKeptMs, auditMax, event: JSON.stringify(event) },
      )
    },
    async auditPage(tenant, { limit, before }) {
      const from = before === undefined ? '+' : `(${before}`
      const rows = await connection.send((client) =>
        client.xrevrange(auditKey(tenant), from, '-', 'COUNT', limit),
      )
      const events = rows.flatMap(eventsIn)
      const next = rows.length === limit ? rows.at(-1)?.[0] : undefined
      return { events, ...(next !== undefined && { before: next }) }
    },
  }
}

/** Removes the events of an owner and of these sessions. Returns their number. */
export async function eraseAudit(
  connection: Connection,
  sessionIds: readonly string[],
  owner: DataOwner,
): Promise<number> {
  const key = auditKey(owner.tenant)
  if (owner.subject === undefined) return connection.send((client) => client.unlink(key))
  const ids = new Set(sessionIds)
  let removed = 0
  let from = '-'
  for (;;) {
    const at = from
    const rows = await connection.send((client) => client.xrange(key, at, '+', 'COUNT', portion))
    const events = rows.flatMap(eventsIn)
    const theirs = events.filter((event) => isErased(event, ids, owner)).map(({ id }) => id)
    if (theirs.length > 0) removed += await connection.send((client) => client.xdel(key, ...theirs))
    const last = rows.at(-1)?.[0]
    if (last === undefined || rows.length < portion) return removed
    from = `(${last}`
  }
}

/** A list of one event, or an empty one for an entry of another program. */
function eventsIn([id, [, json = '{}']]: [id: string, fields: string[]]): StoredAuditEvent[] {
  const event = { ...fieldsOf(JSON.parse(json)), id, at: Number(id.split('-')[0]) }
  return isAuditEvent(event) ? [event] : []
}
