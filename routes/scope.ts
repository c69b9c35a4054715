/** Refuses a principal that lacks a scope. */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { hasScope, type Principal, type Scope } from '../src/ground/principal.ts'

/** @throws LoomError `forbidden` */
export function requireScope(c: Context, principal: Principal, scope: Scope): void {
  if (hasScope(principal, scope)) return
  // RFC 6750, 3.1.
  c.header('WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}"`)
  throw new LoomError(
    'forbidden',
    `This request needs the scope "${scope}", which its credential does not have.`,
  )
}
