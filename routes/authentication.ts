/**
 * Finds the principal of a request by its credential: the headers of a proxy, an API key, a token that this server
 * made, or a JWT. The form of a credential decides which check it gets, and no other check follows: a token is
 * never tried as a JWT, and a JWT never as a token.
 */
import type { Context } from 'hono'

import type { Config } from '../src/config.ts'
import { needsCredential } from '../src/config/access.ts'
import { sha256, tokenPrefix } from '../src/config/api-keys.ts'
import { LoomError } from '../src/ground/error.ts'
import { late } from '../src/ground/late.ts'
import { type Principal, wholeTenant } from '../src/ground/principal.ts'
import type { Authenticate } from './access.ts'
import { apiKeyTable } from './authentication/api-key.ts'
import { type AuthenticationFailure, FailureDelays } from './authentication/failures.ts'
import { proxyPrincipal } from './authentication/proxy.ts'
import { metadataUrl } from './mcp-metadata.ts'

export interface AuthenticationOptions {
  config: Config
  /** Fetches the public keys of JWTs. */
  fetch: typeof fetch
  /** Receives each failed authentication. No field of it has the credential. */
  onFailure: (failure: AuthenticationFailure) => void
}

/** Without keys, JWTs and a proxy, every request is allowed, as one tenant. */
export function authentication({ config, fetch, onFailure }: AuthenticationOptions): Authenticate {
  if (!needsCredential(config)) return () => wholeTenant('')
  const { access, apiKeys } = config
  const keys = apiKeyTable(apiKeys, access.operatorKeys)
  const failures = new FailureDelays(onFailure)
  const tokens = late(async () => {
    const { Tokens } = await import('./authentication/token.ts')
    return new Tokens(config)
  })
  const { jwt } = access
  const jwts =
    jwt &&
    late(async () => {
      const { JwtVerifier } = await import('./authentication/jwt.ts')
      return new JwtVerifier(jwt, fetch)
    })

  /** @throws LoomError `unauthorized` with the reason */
  async function principal(c: Context): Promise<Principal> {
    const fromProxy = access.proxy && proxyPrincipal(c, access.proxy)
    if (fromProxy !== undefined) return fromProxy
    const [, credential] = /^Bearer +(.+)$/i.exec(c.req.header('authorization') ?? '') ?? []
    if (credential === undefined) throw missing(config)
    if (credential.startsWith(tokenPrefix)) {
      if (apiKeys.length === 0) throw unknown()
      return (await tokens()).verify(credential)
    }
    // Not `digestOf`: the hash of a key is no credential.
    const ofKey = keys.find(sha256(credential))
    if (ofKey !== undefined) return ofKey
    if (jwts !== undefined && isJwt.test(credential)) return (await jwts()).verify(credential)
    throw unknown()
  }

  return async (c) => {
    try {
      return await principal(c)
    } catch (error) {
      if (!(error instanceof LoomError) || error.code !== 'unauthorized') throw error
      const given = c.req.header('authorization')
      const isMissing = given === undefined
      // RFC 6750, 3.1: a page whose token has expired gets a new one.
      const isToken = given !== undefined && (given.includes(tokenPrefix) || jwts !== undefined)
      c.header('WWW-Authenticate', challenge({ isToken, metadata: metadataUrl(c, config) }))
      // A page asks without a key first, to learn that it needs one. This is no attempt.
      if (!isMissing || access.proxy !== undefined) await failures.note(c, error.message)
      throw error
    }
  }
}

/** RFC 6750, 3, and RFC 9728, 5.1. */
function challenge({ isToken, metadata }: { isToken: boolean; metadata: string | undefined }) {
  const parts = [
    ...(isToken ? ['error="invalid_token"'] : []),
    ...(metadata === undefined ? [] : [`resource_metadata="${metadata}"`]),
  ]
  return parts.length === 0 ? 'Bearer' : `Bearer ${parts.join(', ')}`
}

/** Three parts of base64url. */
const isJwt = /^[\w-]+\.[\w-]+\.[\w-]*$/

const missing = ({ apiKeys, access }: Config) =>
  new LoomError(
    'unauthorized',
    apiKeys.length === 0 && access.jwt === undefined
      ? 'This server knows its callers by the headers of a proxy, and this request has none. Call the address of the proxy.'
      : 'This server needs an API key or a token: Authorization: Bearer …',
  )

const unknown = () =>
  new LoomError('unauthorized', 'This server does not know this API key or token.')
