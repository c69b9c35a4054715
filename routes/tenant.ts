/** Who is calling. Sessions belong to the name of the key that made them, or to the key if it has none. */
import { createHash, timingSafeEqual } from 'node:crypto'

import type { Context, MiddlewareHandler } from 'hono'

import type { ApiKey } from '../src/config.ts'
import { LoomError } from '../src/ground/error.ts'

const tenants = new WeakMap<Request, string>()

/** The caller's tenant; '' where there is no authentication. */
export const tenantOf = (c: Context): string => tenants.get(c.req.raw) ?? ''

/** Asks for one of `keys` as a bearer token. Without keys everybody may call, as one tenant. */
export function bearerKeys(keys: readonly ApiKey[]): MiddlewareHandler {
  const known = keys.map(({ name, key }) => ({
    digest: digestOf(key),
    tenant: name ?? tenantName(key),
  }))
  return async function bearer(c, next) {
    if (known.length > 0) {
      const given = digestOf(/^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '')
      const match = known.find(({ digest }) => timingSafeEqual(digest, given))
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
 * A name that the store may hold, and from which the key cannot be had. An operator who replaces a key
 * that had no name gives this name to the new key: `docs/operations.md` describes how, so it must not change.
 */
const tenantName = (key: string) =>
  digestOf(`loom-tenant:${key}`).toString('base64url').slice(0, 22)
