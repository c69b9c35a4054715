/**
 * Short-lived tokens for browsers. An API key makes them, and every instance with the same settings verifies them
 * without a store. `LOOM_TOKEN_SECRET` signs them; without it, the API key that makes a token signs it, so a removed
 * key ends its tokens. For a hashed key, the setting has only the hash. Loom signs nothing with a hash, because then
 * everybody who can read the settings could make tokens.
 */
import { hkdfSync } from 'node:crypto'

import { errors, jwtVerify, SignJWT } from 'jose'

import type { Config } from '../../src/config.ts'
import { type ApiKey, isPlain, sha256, tokenPrefix } from '../../src/config/api-keys.ts'
import { LoomError } from '../../src/ground/error.ts'
import { isScope, type Principal, type Scope } from '../../src/ground/principal.ts'
import { principalOfKey, tenantOfKey } from './api-key.ts'

/** The holder of a new token, and its limits. */
export interface TokenGrant {
  tenant: string
  subject?: string | undefined
  session?: string | undefined
  scopes: readonly Scope[]
  /** In seconds. */
  expiresIn: number
}

interface SigningKey {
  /** Names the key in the header of its tokens. It says nothing about the secret. */
  id: string
  secret: Uint8Array
  /** The tenant whose tokens it may sign. Undefined: every tenant. */
  tenant: string | undefined
}

const [issuer, typ] = ['loom', 'loom-token+jwt']

export class Tokens {
  readonly #keys: readonly SigningKey[]
  readonly #apiKeys: readonly ApiKey[]
  readonly #hasSecret: boolean

  constructor({ apiKeys, access }: Pick<Config, 'apiKeys' | 'access'>) {
    const minting = apiKeys.filter((key) => principalOfKey(key).mintsTokens === true)
    this.#apiKeys = minting
    this.#hasSecret = access.tokenSecrets.length > 0
    this.#keys = this.#hasSecret
      ? access.tokenSecrets.map((secret) => signingKey(secret, undefined))
      : minting.filter(isPlain).map((key) => signingKey(key.key, tenantOfKey(key)))
  }

  /**
   * @param tenant the tenant of the key that makes the token
   * @throws LoomError `forbidden` if this key can sign nothing
   */
  async sign({ tenant, subject, session, scopes, expiresIn }: TokenGrant): Promise<{
    token: string
    expiresAt: number
  }> {
    const key = this.#keys.find((each) => each.tenant === undefined || each.tenant === tenant)
    if (key === undefined) {
      throw new LoomError(
        'forbidden',
        'The server has only the hash of this API key, which signs no tokens: set LOOM_TOKEN_SECRET on the server.',
      )
    }
    const now = Math.floor(Date.now() / 1000)
    const jwt = await new SignJWT({
      tenant,
      scopes: [...scopes],
      ...(subject !== undefined && { subject }),
      ...(session !== undefined && { session }),
    })
      .setProtectedHeader({ alg: 'HS256', typ, kid: key.id })
      .setIssuer(issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + expiresIn)
      .sign(key.secret)
    return { token: tokenPrefix + jwt, expiresAt: (now + expiresIn) * 1000 }
  }

  /** @throws LoomError `unauthorized` */
  async verify(text: string): Promise<Principal> {
    let signedFor: string | undefined
    try {
      const { payload } = await jwtVerify(
        text.slice(tokenPrefix.length),
        ({ kid }) => {
          const key = this.#keys.find(({ id }) => id === kid)
          if (key === undefined) throw new errors.JWKSNoMatchingKey()
          signedFor = key.tenant
          return key.secret
        },
        { algorithms: ['HS256'], issuer, typ, requiredClaims: ['exp', 'tenant', 'scopes'] },
      )
      const { tenant, subject, session, scopes, exp = 0 } = payload
      const isOfKey = typeof tenant === 'string' && this.#mayHold(tenant, signedFor)
      if (!isOfKey || !Array.isArray(scopes)) throw new errors.JWTInvalid()
      return {
        tenant,
        scopes: scopes.filter(isScope),
        expiresAt: exp * 1000,
        ...(typeof subject === 'string' && { subject }),
        ...(typeof session === 'string' && { session }),
      }
    } catch (cause) {
      const reason =
        cause instanceof errors.JWTExpired ? 'has expired: get a new one' : 'is not valid here'
      throw new LoomError('unauthorized', `This token ${reason}.`, { cause })
    }
  }

  /** A tenant without a key that makes tokens has no valid tokens any more. */
  #mayHold(tenant: string, signedFor: string | undefined): boolean {
    if (signedFor !== undefined) return signedFor === tenant
    return this.#apiKeys.some((key) => tenantOfKey(key) === tenant)
  }
}

/** The derived key signs only tokens, even if the secret has another use. */
function signingKey(secret: string, tenant: string | undefined): SigningKey {
  const derived = (use: string, bytes: number) =>
    new Uint8Array(hkdfSync('sha256', sha256(secret), '', `loom ${use} 1`, bytes))
  const id = Buffer.from(derived('token key id', 9)).toString('base64url')
  return { id, secret: derived('token', 32), tenant }
}
