/**
 * The tenant of a request. It is the name of the API key, or is derived from a key without a name.
 */
import { createHash, timingSafeEqual } from 'node:crypto'

import type { Context, MiddlewareHandler } from 'hono'

import type { ApiKey } from '../src/config.ts'
import { LoomError } from '../src/ground/error.ts'

const tenants = new WeakMap<Request, string>()

/** The tenant of a request; '' without authentication. */
export const tenantOf = (c: Context): string => tenants.get(c.req.raw) ?? ''

/**
 * Requires one of `keys` as a bearer token. Without keys every request is allowed, as one tenant.
 */
export function bearerKeys(keys: readonly ApiKey[]): MiddlewareHandler {
  const tenantKeys = keys.map(({ name, key }) => ({
    digest: digestOf(key),
    tenant: name ?? tenantName(key),
  }))
  return async function bearer(c, next) {
    if (tenantKeys.length > 0) {
      const digest = digestOf(/^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '')
      const match = tenantKeys.find((each) => timingSafeEqual(each.digest, digest))
      if (match === undefined) {
        c.header('WWW-Authenticate', 'Bearer')
        throw new LoomError('unauthorized', 'This server needs an API key: Authorization: Bearer …')
      }
      tenants.set(c.req.raw, match.tenant)
    }
    await next()
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
