/** The admin of a request, and the tenant that it governs. */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import type { Principal } from '../src/ground/principal.ts'
import type { Loom } from '../src/loom.ts'
import { principalOf } from './access.ts'

/** A request of an admin. */
export interface AdminWorld {
  loom: Loom
  /** The tenant that the request is about. */
  tenant: string
  actor: Actor
  principal: Principal
}

/** The author of a request: an operator, or an admin of a tenant. `subject` is absent if the credential names none. */
export type Actor = { operator: string } | { tenant: string; subject?: string }

/**
 * @throws LoomError `forbidden` for a credential of one session, or for another tenant; `invalid-request` if an
 * operator names no tenant
 */
export function worldOfAdmin(c: Context, loom: Loom): AdminWorld {
  const principal = principalOf(c)
  const { tenant, subject, session, operator } = principal
  const asked = c.req.query('tenant')
  if (operator !== undefined) {
    if (asked === undefined) {
      throw new LoomError(
        'invalid-request',
        'An operator governs all tenants: name one of them with ?tenant=.',
      )
    }
    return { loom, tenant: asked, actor: { operator }, principal }
  }
  if (session !== undefined) {
    throw new LoomError('forbidden', 'This credential is for one session. Use one of the tenant.')
  }
  if (asked !== undefined && asked !== tenant) {
    throw new LoomError('forbidden', 'An admin governs its own tenant only: leave out "tenant".')
  }
  return { loom, tenant, actor: { tenant, ...(subject !== undefined && { subject }) }, principal }
}

/** Whether an operator asks about all tenants. */
export const isOverall = (c: Context): boolean =>
  principalOf(c).operator !== undefined && c.req.query('tenant') === undefined
