/** JWTs of an issuer, with its secret or its public keys. */
import { createHmac } from 'node:crypto'

import { exportSPKI, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'

import { jwtSecret, openIssuer, openServer, secretJwt } from './access-server.ts'

type Claims = Record<string, unknown>

const now = () => Math.floor(Date.now() / 1000)
const jwks = { LOOM_JWKS_URL: 'https://issuer.example.com/keys' }

const statusOf = async (
  { ask }: ReturnType<typeof openServer>,
  token: string,
  path = '/api/chat',
) => (await ask(token, 'GET', path)).status

describe('a JWT with a secret', () => {
  it('gives its tenant, subject and scopes', async () => {
    await using server = openServer({ LOOM_JWT_SECRET: jwtSecret })
    const { ask } = server
    const ada = await secretJwt({ sub: 'ada', tenant: 'acme' })
    const body = { id: 's', message: 'Hi' }
    expect((await ask(ada, 'POST', '/api/chat', { body })).status).toBe(200)
    const shared = JSON.parse((await ask(ada, 'GET', '/api/chat/s/members')).text)
    expect(shared).toEqual({ owner: 'ada', members: [] })
    const others: [Claims, number][] = [
      [{ sub: 'ada', tenant: 'acme' }, 200],
      [{ sub: 'bob', tenant: 'acme' }, 404],
      [{ sub: 'ada', tenant: 'ACME' }, 404],
      [{ sub: 'Ada', tenant: 'acme' }, 404],
      [{ sub: 'ada' }, 404],
      [{ sub: 'root', tenant: 'acme', scope: 'openid loom:admin' }, 200],
      [{ sub: 'root', tenant: 'acme', scope: ['admin'] }, 200],
      [{ sub: 'root', tenant: 'other', scope: 'admin' }, 404],
    ]
    for (const [claims, status] of others) {
      expect(
        await statusOf(server, await secretJwt(claims), '/api/chat/s'),
        JSON.stringify(claims),
      ).toBe(status)
    }
    const reader = await secretJwt({ sub: 'ada', tenant: 'acme', scope: 'read' })
    expect((await ask(reader, 'POST', '/api/chat', { body })).status).toBe(403)
    expect(await statusOf(server, reader, '/api/chat/s/messages')).toBe(200)
  })

  it.each<[string, Claims]>([
    ['that has expired', { sub: 'ada', exp: now() - 60 }],
    ['without an end', { sub: 'ada', exp: undefined }],
    ['that is not valid yet', { sub: 'ada', nbf: now() + 60 }],
    ['without a subject', {}],
    ['with an empty subject', { sub: '' }],
    ['with a half character in its subject', { sub: 'a\ud800' }],
    ['with a line end in its tenant', { sub: 'ada', tenant: 'a\nb' }],
    ['with a tenant that is no text', { sub: 'ada', tenant: ['acme'] }],
  ])('%s is refused', async (_name, claims) => {
    await using server = openServer({ LOOM_JWT_SECRET: jwtSecret })
    const reply = await server.ask(await secretJwt(claims), 'GET', '/api/chat')
    expect(reply.status).toBe(401)
    expect(reply.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
  })

  it('without an end is refused with the name of the claim', async () => {
    await using server = openServer({ LOOM_JWT_SECRET: jwtSecret })
    const token = await secretJwt({ sub: 'ada', exp: undefined })
    const { error } = JSON.parse((await server.ask(token, 'GET', '/api/chat')).text)
    expect(error.message).toContain('its claim "exp" is missing')
  })

  it('may be seconds late or early', async () => {
    await using server = openServer({ LOOM_JWT_SECRET: jwtSecret })
    const token = await secretJwt({ sub: 'ada', exp: now() - 1, nbf: now() + 2 })
    expect(await statusOf(server, token)).toBe(200)
  })

  it('must be of the issuer and for the audience of the settings', async () => {
    const settings = { LOOM_JWT_ISSUER: 'https://id.example.com/', LOOM_JWT_AUDIENCE: 'loom, chat' }
    await using server = openServer({ LOOM_JWT_SECRET: jwtSecret, ...settings })
    const iss = 'https://id.example.com/'
    const cases: [Claims, number][] = [
      [{ iss, aud: 'loom' }, 200],
      [{ iss, aud: ['x', 'chat'] }, 200],
      [{ iss, aud: 'other' }, 401],
      [{ iss }, 401],
      [{ aud: 'loom' }, 401],
      [{ iss: 'https://id.example.com', aud: 'loom' }, 401],
    ]
    for (const [claims, status] of cases)
      expect(
        await statusOf(server, await secretJwt({ sub: 'a', ...claims })),
        JSON.stringify(claims),
      ).toBe(status)
  })

  it('has the claims that the settings name', async () => {
    await using server = openServer({
      LOOM_JWT_SECRET: jwtSecret,
      LOOM_JWT_TENANT_CLAIM: 'https://example.com/org',
      LOOM_JWT_SUBJECT_CLAIM: 'user.id',
      LOOM_JWT_SCOPES_CLAIM: 'realm.roles',
    })
    const claims = { user: { id: 'ada' }, 'https://example.com/org': 'acme' }
    const token = await secretJwt({ ...claims, realm: { roles: ['read', 'x'] } })
    expect(await statusOf(server, token)).toBe(200)
    expect((await server.ask(token, 'POST', '/api/chat', { body: { message: 'Hi' } })).status).toBe(
      403,
    )
    expect(await statusOf(server, await secretJwt({ user: { id: 'ada' }, tenant: 'acme' }))).toBe(
      401,
    )
    expect(
      await statusOf(server, await secretJwt({ ...claims, user: undefined, sub: 'ada' })),
    ).toBe(401)
  })
})

describe('a forged JWT', () => {
  const encode = (value: object | string) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const claims = { sub: 'ada', exp: now() + 3600 }

  it('without a signature or with another key is refused', async () => {
    await using server = openServer({ LOOM_JWT_SECRET: jwtSecret })
    const [header = '', payload = '', signature = ''] = (await secretJwt(claims)).split('.')
    const forged = [
      `${encode({ alg: 'none' })}.${payload}.`,
      `${encode({ alg: 'None' })}.${payload}.${signature}`,
      `${encode({ alg: 'HS256', crit: ['x'], x: 1 })}.${payload}.${signature}`,
      `${header}.${encode({ ...claims, sub: 'root' })}.${signature}`,
      `${header}.${payload}.`,
      await secretJwt(claims, 'another-secret-with-more-than-32-characters'),
      await secretJwt(claims, jwtSecret, 'HS512'),
      `${header}.${encode('no JSON')}.${signature}`,
    ]
    for (const token of forged) expect(await statusOf(server, token), token).toBe(401)
  })

  it('signed with a public key as its secret is refused', async () => {
    const issuer = await openIssuer()
    await using server = openServer(
      { ...jwks, LOOM_JWT_SECRET: jwtSecret },
      { fetch: issuer.fetch },
    )
    expect(await statusOf(server, await issuer.sign(claims))).toBe(200)
    expect(await statusOf(server, await secretJwt(claims))).toBe(200)
    const { jwk, kid } = issuer.current()
    const key = await importJWK(jwk, 'RS256')
    if (key instanceof Uint8Array) throw new Error('the key is a secret')
    for (const secret of [await exportSPKI(key), JSON.stringify(jwk), jwk.n ?? '']) {
      const text = `${encode({ alg: 'HS256', kid })}.${encode(claims)}`
      const signature = createHmac('sha256', secret).update(text).digest('base64url')
      expect(await statusOf(server, `${text}.${signature}`)).toBe(401)
    }
  })

  it('that brings its own key is refused', async () => {
    const [issuer, other] = [await openIssuer(), await openIssuer()]
    await using server = openServer(jwks, { fetch: issuer.fetch })
    const token = await other.sign(claims, { ...other.current(), kid: issuer.current().kid })
    expect(await statusOf(server, token)).toBe(401)
    expect(await statusOf(server, await secretJwt(claims))).toBe(401)
  })

  it('that is an API key of the server is the key', async () => {
    const jwt = await secretJwt(claims, 'a-secret-that-the-server-does-not-have')
    await using server = openServer({ LOOM_JWT_SECRET: jwtSecret, LOOM_API_KEYS: `alice:${jwt}` })
    expect(await statusOf(server, jwt)).toBe(200)
    expect(await statusOf(server, jwtSecret)).toBe(401)
  })
})

describe('the public keys of an issuer', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('verify tokens with %s', async (alg) => {
    const issuer = await openIssuer(alg)
    await using server = openServer(jwks, { fetch: issuer.fetch })
    for (let turn = 0; turn < 5; turn++)
      expect(await statusOf(server, await issuer.sign({ sub: 'ada' }))).toBe(200)
    expect(issuer.fetches).toBe(1)
  })

  it('are fetched once for an unknown key, and not for each', async () => {
    const issuer = await openIssuer()
    await using server = openServer(jwks, { fetch: issuer.fetch })
    expect(await statusOf(server, await issuer.sign({ sub: 'ada' }))).toBe(200)
    const stranger = { ...issuer.current(), kid: 'unknown' }
    for (let turn = 0; turn < 3; turn++)
      expect(await statusOf(server, await issuer.sign({ sub: 'ada' }, stranger))).toBe(401)
    expect(issuer.fetches).toBeLessThanOrEqual(2)
  })

  it('that are away give 503, and not 401', async () => {
    const issuer = await openIssuer()
    issuer.isAway = true
    await using server = openServer(jwks, { fetch: issuer.fetch })
    const token = await issuer.sign({ sub: 'ada' })
    const replies = await Promise.all([1, 2, 3].map(() => server.ask(token, 'GET', '/api/chat')))
    for (const { status, headers } of replies) {
      expect(status).toBe(503)
      expect(headers.get('retry-after')).toBe('2')
    }
    expect(issuer.fetches).toBe(1)
    expect(server.failures).toEqual([])
    issuer.isAway = false
    await expect.poll(() => statusOf(server, token), { timeout: 20_000, interval: 200 }).toBe(200)
  })

  it('that answer with no keys give 503', async () => {
    await using server = openServer(jwks, { fetch: async () => Response.json({ error: 'no' }) })
    const issuer = await openIssuer()
    expect(await statusOf(server, await issuer.sign({ sub: 'ada' }))).toBe(503)
  })
})
