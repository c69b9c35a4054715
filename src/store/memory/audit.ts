/** The events of the audit in memory. */
import { auditKeptMs, auditMax, type AuditStore, type StoredAuditEvent } from '../audit.ts'
import type { DataOwner } from '../erasure.ts'
import { rootOf } from '../task.ts'

export interface MemoryAudit extends AuditStore {
  /** Removes the events of an owner and of these sessions. Returns their number. */
  forgetAudit(sessionIds: readonly string[], owner: DataOwner): number
}

/** Whether a value is an event. Only stores write events, so their other fields are not checked. */
export const isAuditEvent = (value: object): value is StoredAuditEvent =>
  'id' in value && 'at' in value && 'by' in value && 'action' in value

/** Whether an erasure removes an event. That of a tenant removes all. */
export function isErased(
  { by, sessionId, subject: about }: StoredAuditEvent,
  sessionIds: ReadonlySet<string>,
  { subject }: DataOwner,
): boolean {
  if (subject === undefined || by.subject === subject || about === subject) return true
  return sessionId !== undefined && sessionIds.has(rootOf(sessionId))
}

/** @param tenants the events of each tenant, the first one first */
export function memoryAudit(
  now: () => number,
  tenants: Map<string, StoredAuditEvent[]> = new Map(),
): MemoryAudit {
  let last = 0
  return {
    async noteAudit(tenant, event) {
      const at = now()
      // A number in order, so that no two events have one id.
      last = Math.max(last + 1, at * 1000)
      const events = (tenants.get(tenant) ?? []).filter((each) => each.at + auditKeptMs > at)
      tenants.set(tenant, [...events.slice(1 - auditMax), { ...event, id: String(last), at }])
    },
    async auditPage(tenant, { limit, before }) {
      const events = (tenants.get(tenant) ?? []).filter(
        ({ id }) => before === undefined || Number(id) < Number(before),
      )
      const page = events.slice(-limit).toReversed()
      const next = events.length > limit ? page.at(-1)?.id : undefined
      return { events: page, ...(next !== undefined && { before: next }) }
    },
    forgetAudit(sessionIds, owner) {
      const events = tenants.get(owner.tenant) ?? []
      const ids = new Set(sessionIds)
      const kept = events.filter((event) => !isErased(event, ids, owner))
      if (kept.length === 0) tenants.delete(owner.tenant)
      else tenants.set(owner.tenant, kept)
      return events.length - kept.length
    },
  }
}
