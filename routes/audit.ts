/**
 * Notes what a principal did: for the log of the server, and in the store for `GET /api/admin/audit`. The act is
 * done already, so a failure of the store is reported and does not change the response.
 */
import type { Context } from 'hono'

import type { Principal } from '../src/ground/principal.ts'
import type { Loom } from '../src/loom.ts'
import type { AuditEvent } from '../src/store/audit.ts'
import { noteOf } from './request-note.ts'

export async function audit(
  c: Context,
  { sessions, report }: Loom,
  {
    principal: { operator, subject, session },
    tenant,
    ...act
  }: Omit<AuditEvent, 'by'> & { principal: Principal; tenant: string },
): Promise<void> {
  const ofTenant = {
    ...(subject !== undefined && { subject }),
    ...(session !== undefined && { session }),
  }
  const by = operator !== undefined ? { operator } : ofTenant
  const event: AuditEvent = { ...act, by }
  const note = noteOf(c)
  if (note !== undefined) note.audit = { ...event, tenant }
  await sessions.noteAudit(tenant, event).catch(report)
}
