/** The admin of a request, and the tenant that it governs. */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import type { Loom } from '../src/loom.ts'
import { principalOf } from './access.ts'

/** A request of an admin. */
export interface AdminWorld {
  loom: Loom
  /** The tenant that the admin governs. */
  tenant: string
  /** The subject of the admin. Undefined if its credential names none. */
  actor: string | undefined
}

/** @throws LoomError `forbidden` for a credential of one session, or for another tenant */
export function worldOfAdmin(c: Context, loom: Loom): AdminWorld {
  const { tenant, subject, session } = principalOf(c)
  if (session !== undefined) {
    throw new LoomError('forbidden', 'This credential is for one session. Use one of the tenant.')
  }
  const asked = c.req.query('tenant')
  if (asked !== undefined && asked !== tenant) {
    throw new LoomError('forbidden', 'An admin governs its own tenant only: leave out "tenant".')
  }
  return { loom, tenant, actor: subject }
}
