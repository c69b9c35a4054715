/** The API keys of the server. Only their hashes are compared, each of them at every request. */
import { timingSafeEqual } from 'node:crypto'

import { type ApiKey, digestOf, sha256 } from '../../src/config/api-keys.ts'
import { isScope, type Principal, scopeNames } from '../../src/ground/principal.ts'

export interface ApiKeyTable {
  /** @param digest the SHA-256 of the credential */
  find: (digest: Buffer) => Principal | undefined
}

export function apiKeyTable(
  keys: readonly ApiKey[],
  operatorKeys: readonly ApiKey[] = [],
): ApiKeyTable {
  const known = [
    ...keys.map((key) => ({ digest: digestOf(key.key), principal: principalOfKey(key) })),
    ...operatorKeys.map((key) => ({ digest: digestOf(key.key), principal: operatorOfKey(key) })),
  ]
  return {
    find(digest) {
      let found: Principal | undefined
      // Every key is compared, so that the time says nothing about the place of a key in the list.
      for (const each of known) if (timingSafeEqual(each.digest, digest)) found = each.principal
      return found
    },
  }
}

/** Without a list of scopes, a key may do everything. */
export function principalOfKey(key: ApiKey): Principal {
  const { scopes = [...scopeNames, 'tokens'] } = key
  return {
    tenant: tenantOfKey(key),
    scopes: scopes.filter(isScope),
    ...(scopes.includes('tokens') && { mintsTokens: true }),
  }
}

/** An operator has no scopes, so it reaches no session; `routes/access.ts` lets it use the routes of admins. */
const operatorOfKey = ({ name = '' }: ApiKey): Principal => ({
  tenant: '',
  scopes: [],
  operator: name,
})

/**
 * A tenant name that the store may hold, and that does not reveal the key. An operator who replaces
 * a key without a name sets this name for the new key: `docs/operations.md` describes how, so it
 * must not change.
 */
export const tenantOfKey = ({ name, key }: ApiKey): string =>
  name ?? sha256(`loom-tenant:${key}`).toString('base64url').slice(0, 22)
