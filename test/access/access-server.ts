/** Loom's own app with settings of access, and callers with credentials. */
import { randomBytes } from 'node:crypto'

import type { Hono } from 'hono'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

import { createApp } from '../../routes/app.ts'
import type { AuthenticationFailure } from '../../routes/authentication/failures.ts'
import { defineAgent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import { Loom } from '../../src/index.ts'
import { says, type Script, scriptedModel } from '../scripted-model.ts'

export const jwtSecret = 'a-secret-of-the-issuer-with-43-characters-!'

export interface AccessServer extends AsyncDisposable {
  app: Hono
  loom: Loom
  failures: AuthenticationFailure[]
  /** Sends a request with a bearer credential, or with none. */
  ask: (
    credential: string | undefined,
    method: string,
    path: string,
    more?: { body?: unknown; headers?: Record<string, string> },
  ) => Promise<{ status: number; text: string; headers: Headers }>
}

export function openServer(
  settings: Record<string, string>,
  {
    scripts = Array.from({ length: 40 }, () => says('Hello.')),
    fetch: fetchKeys,
  }: { scripts?: readonly Script[]; fetch?: typeof fetch } = {},
): AccessServer {
  const model = scriptedModel(...scripts)
  const loom = new Loom({
    agents: [defineAgent({ name: 'assistant', systemPrompt: 'Be kind.', model })],
  })
  const failures: AuthenticationFailure[] = []
  const app = createApp({
    loom,
    config: readConfig(settings),
    onAuthenticationFailure: (failure) => failures.push(failure),
    ...(fetchKeys !== undefined && { fetch: fetchKeys }),
  })
  return {
    app,
    loom,
    failures,
    async ask(credential, method, path, { body, headers = {} } = {}) {
      const response = await app.request(path, {
        method,
        headers: {
          host: 'localhost',
          accept: 'application/json',
          ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return {
        status: response.status,
        text: await response.text(),
        headers: response.headers,
      }
    },
    [Symbol.asyncDispose]: () => loom.close(),
  }
}

/** A token with the secret of the issuer. It expires in an hour, unless the claims say else. */
export function secretJwt(
  claims: Record<string, unknown>,
  secret = jwtSecret,
  alg = 'HS256',
): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const payload: JWTPayload = JSON.parse(JSON.stringify({ exp, ...claims }))
  return new SignJWT(payload).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret))
}

/** An issuer with public keys, and the `fetch` that reads them. */
export async function openIssuer(alg = 'RS256') {
  const makeKey = async () => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    const kid = randomBytes(6).toString('hex')
    return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
  }
  let key = await makeKey()
  const issuer = {
    fetches: 0,
    isAway: false,
    current: () => key,
    /** Replaces the key. The issuer publishes only the new one. */
    async rotate() {
      key = await makeKey()
    },
    fetch: async () => {
      issuer.fetches += 1
      if (issuer.isAway) throw new TypeError('fetch failed')
      return Response.json({ keys: [key.jwk] })
    },
    sign: (claims: JWTPayload, by = key) =>
      new SignJWT({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
        .setProtectedHeader({ alg, kid: by.kid })
        .sign(by.privateKey),
  }
  return issuer
}
