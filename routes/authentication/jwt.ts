/**
 * Verifies JWTs of an issuer, with its secret (HS256) or its public keys. Each of the two has its own algorithms,
 * so a token cannot choose a weaker check: `none` is never accepted, and a public key never as a secret.
 */
import { errors, type JWTPayload, type JWSAlgorithm, jwtVerify, decodeProtectedHeader } from 'jose'

import type { JwtConfig } from '../../src/config/access.ts'
import { LoomError } from '../../src/ground/error.ts'
import { isPrincipalName, type Principal } from '../../src/ground/principal.ts'
import { type KeySet, remoteKeySet } from './key-set.ts'
import { scopesIn } from './scope-words.ts'

/** By how much the clocks of the issuer and this server may differ, in seconds. */
const clockTolerance = 5

const publicAlgorithms: JWSAlgorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]

export class JwtVerifier {
  readonly #config: JwtConfig
  readonly #secret: Uint8Array | undefined
  readonly #keySet: KeySet | undefined

  constructor(config: JwtConfig, fetch: typeof globalThis.fetch) {
    const { secret, jwksUrl } = config
    this.#config = config
    this.#secret = secret === undefined ? undefined : new TextEncoder().encode(secret)
    this.#keySet = jwksUrl && remoteKeySet(jwksUrl, fetch)
  }

  /**
   * @throws LoomError `unauthorized` for a token that is not valid; `unavailable` if the public keys cannot be
   * fetched
   */
  async verify(token: string): Promise<Principal> {
    const { issuer, audiences } = this.#config
    const options = {
      clockTolerance,
      requiredClaims: ['exp'],
      ...(issuer !== undefined && { issuer }),
      ...(audiences.length > 0 && { audience: [...audiences] }),
    }
    try {
      const isSecret = decodeProtectedHeader(token).alg === 'HS256'
      if (isSecret && this.#secret !== undefined) {
        const verified = await jwtVerify(token, this.#secret, { ...options, algorithms: ['HS256'] })
        return this.#principalIn(verified.payload)
      }
      if (this.#keySet === undefined) throw refused('its algorithm is not accepted')
      const algorithms = publicAlgorithms
      const verified = await jwtVerify(token, this.#keySet, { ...options, algorithms })
      return this.#principalIn(verified.payload)
    } catch (error) {
      if (error instanceof LoomError) throw error
      throw refused(reasonOf(error), error)
    }
  }

  #principalIn(payload: JWTPayload): Principal {
    const { claims } = this.#config
    const subject = claimIn(payload, claims.subject)
    if (!isPrincipalName(subject)) throw refused(`its claim "${claims.subject}" names no subject`)
    const tenant = claimIn(payload, claims.tenant ?? 'tenant')
    const hasTenant = isPrincipalName(tenant)
    if (!hasTenant && (claims.tenant !== undefined || tenant !== undefined)) {
      throw refused(`its claim "${claims.tenant ?? 'tenant'}" names no tenant`)
    }
    const scopes = scopesIn(claimIn(payload, claims.scopes))
    return {
      tenant: hasTenant ? tenant : '',
      subject,
      scopes: scopes.length > 0 ? scopes : ['chat'],
      ...(payload.exp !== undefined && { expiresAt: payload.exp * 1000 }),
    }
  }
}

/** Returns a claim by its name, or by a path of names with dots. */
function claimIn(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name]
  let value: unknown = payload
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = Object.entries(value).find(([key]) => key === step)?.[1]
  }
  return value
}

/** The texts of the library do not contain the token. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `its claim "${error.claim}" ${error.reason === 'missing' ? 'is missing' : 'does not fit'}`
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not accepted'
  if (error instanceof errors.JWKSNoMatchingKey) return 'its key is unknown'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong'
  return 'it cannot be read'
}

const refused = (reason: string, cause?: unknown) =>
  new LoomError('unauthorized', `The server does not accept this token: ${reason}.`, { cause })
