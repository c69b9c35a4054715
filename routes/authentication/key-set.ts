/**
 * The public keys of an issuer, from its URL. Loom fetches them at the first token, again after 10 minutes,
 * and once for an unknown key, but at most every 30 seconds. If the issuer does not answer, Loom uses the known keys
 * for one hour, and refuses a token with another key as `unavailable`, because it may be valid.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTVerifyGetKey,
  type RemoteJWKSetOptions,
} from 'jose'

import { LoomError } from '../../src/ground/error.ts'

export type KeySet = JWTVerifyGetKey

/** In milliseconds. */
const times = {
  freshFor: 10 * 60_000,
  cooldown: 30_000,
  /** The time after a failed fetch in which no other follows. */
  failureCooldown: 2000,
  keptFor: 60 * 60_000,
  fetchLimit: 5000,
} as const

export function remoteKeySet(url: URL, fetch: typeof globalThis.fetch): KeySet {
  let failedAt = -Infinity
  let fetchedAt = -Infinity
  /** @throws LoomError `unavailable` */
  const guarded: NonNullable<RemoteJWKSetOptions[typeof customFetch]> = async (address, init) => {
    if (performance.now() - failedAt < times.failureCooldown) throw away()
    try {
      const response = await fetch(address, init)
      if (response.status !== 200) throw new Error(`The status was ${response.status}.`)
      const bytes = await response.arrayBuffer()
      createLocalJWKSet(JSON.parse(Buffer.from(bytes).toString()))
      fetchedAt = performance.now()
      return new Response(bytes, { headers: { 'content-type': 'application/json' } })
    } catch (cause) {
      failedAt = performance.now()
      throw away(cause)
    }
  }
  const remote = createRemoteJWKSet(url, {
    cacheMaxAge: times.freshFor,
    cooldownDuration: times.cooldown,
    timeoutDuration: times.fetchLimit,
    [customFetch]: guarded,
  })
  return async (header, token) => {
    try {
      return await remote(header, token)
    } catch (error) {
      if (!(error instanceof LoomError)) throw error
      const known = remote.jwks()
      if (known === undefined || performance.now() - fetchedAt > times.keptFor) throw error
      return createLocalJWKSet(known)(header, token).catch((reason: unknown) => {
        // The keys may be newer than the known ones.
        throw reason instanceof errors.JWKSNoMatchingKey ? error : reason
      })
    }
  }
}

const away = (cause?: unknown) =>
  new LoomError(
    'unavailable',
    'The server cannot check this token now, because the keys of its issuer cannot be fetched. Send the request again.',
    { cause, retryable: true, retryAfterMs: times.failureCooldown },
  )
