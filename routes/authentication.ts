/** Finds the principal of a request by its credential: an API key. */
import { createHash, timingSafeEqual } from 'node:crypto'

import type { Context } from 'hono'

import type { ApiKey } from '../src/config.ts'
import { LoomError } from '../src/ground/error.ts'
import { type Principal, wholeTenant } from '../src/ground/principal.ts'
import type { Authenticate } from './access.ts'

/** Without keys, every request is allowed, as one tenant. */
export function authentication(keys: readonly ApiKey[]): Authenticate {
  if (keys.length === 0) return () => wholeTenant('')
  const known = keys.map(({ name, key }) => ({
    digest: digestOf(key),
    principal: wholeTenant(name ?? tenantName(key)),
  }))
  return (c: Context): Principal => {
    const digest = digestOf(/^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '')
    const match = known.find((each) => timingSafeEqual(each.digest, digest))
    if (match !== undefined) return match.principal
    c.header('WWW-Authenticate', 'Bearer')
    throw new LoomError('unauthorized', 'This server needs an API key: Authorization: Bearer …')
  }
}

const digestOf = (key: string) => createHash('sha256').update(key).digest()

/**
 * A tenant name that the store may hold, and that does not reveal the key. An operator who replaces
 * a key without a name sets this name for the new key: `docs/operations.md` describes how, so it
 * must not change.
 */
const tenantName = (key: string) =>
  digestOf(`loom-tenant:${key}`).toString('base64url').slice(0, 22)
