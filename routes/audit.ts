/**
 * Notes what a principal did: for the log of the server, and in the store for `GET /api/admin/audit`. The act is
 * done already, so a failure of the store does not change the response: the error log then has the event.
 */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
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
  await sessions
    .noteAudit(tenant, event)
    .catch((cause: unknown) => report(lost(tenant, event, cause)))
}

/** Not `unavailable`: the log has only a few of these errors during an outage of the store. */
const lost = (tenant: string, event: AuditEvent, cause: unknown) =>
  new LoomError(
    'internal',
    `The audit of the tenant "${tenant}" lacks an event, because the store did not take it: ${JSON.stringify(event)}.`,
    { cause },
  )
