/** API keys in the hashed form, with scopes, and the tokens that they make for browsers. */
import { describe, expect, it } from 'vitest'

import { sha256 } from '../../src/config/api-keys.ts'
import { loom as runCommand } from '../cli/command.ts'
import { openServer, secretJwt } from './access-server.ts'

const hashOf = (key: string) => `sha256:${sha256(key).toString('hex')}`
const tokenSecret = 'a-secret-for-tokens-with-37-characters'

describe('a hashed key', () => {
  it('is the same tenant as the key itself', async () => {
    await using server = openServer({ LOOM_API_KEYS: `alice:${hashOf('key-of-alice')}` })
    const { ask } = server
    const posted = await ask('key-of-alice', 'POST', '/api/chat', {
      body: { id: 's', message: 'Hi' },
    })
    expect(posted.status).toBe(200)
    expect((await ask('key-of-alice', 'GET', '/api/chat/s')).status).toBe(200)
    const hash = hashOf('key-of-alice')
    for (const wrong of [hash, hash.slice(7), 'key-of-alicf', 'Key-of-alice'])
      expect((await ask(wrong, 'GET', '/api/chat')).status, wrong).toBe(401)
  })

  it('is what `loom key` prints', async () => {
    const { stdout } = await runCommand(['key', 'alice'])
    const [key = '', setting = ''] = stdout.trim().split('\n')
    expect(key).toMatch(/^loom_[\w-]{43}$/)
    expect(setting).toMatch(/^LOOM_API_KEYS=alice:sha256:[0-9a-f]{64}$/)
    await using server = openServer({ LOOM_API_KEYS: setting.slice('LOOM_API_KEYS='.length) })
    expect((await server.ask(key, 'GET', '/api/chat')).status).toBe(200)
    const bad = await runCommand(['key', 'a name'])
    expect(bad.stderr).toContain('The name of a key')
  })
})

describe('the scopes of a key', () => {
  it('follow its name', async () => {
    const keys = `viewer/read:key-of-viewer,writer/chat:key-of-writer,all:key-of-all-`
    await using server = openServer({ LOOM_API_KEYS: keys })
    const { ask } = server
    const statusOf = async (key: string, method: string, path: string, body?: unknown) =>
      (await ask(key, method, path, { body })).status
    const post = { id: 's', message: 'Hi' }
    expect(await statusOf('key-of-viewer', 'GET', '/api/chat')).toBe(200)
    expect(await statusOf('key-of-viewer', 'POST', '/api/chat', post)).toBe(403)
    expect(await statusOf('key-of-writer', 'POST', '/api/chat', post)).toBe(200)
    expect(await statusOf('key-of-writer', 'GET', '/api/chat/s/prompt')).toBe(403)
    expect(await statusOf('key-of-writer', 'POST', '/api/tokens', { subject: 'ada' })).toBe(403)
    expect(await statusOf('key-of-all-', 'POST', '/api/chat', post)).toBe(200)
    expect(await statusOf('key-of-all-', 'GET', '/api/chat/s/prompt')).toBe(200)
  })
})

describe('a token for a browser', () => {
  const settings = { LOOM_API_KEYS: 'acme:key-of-acme,other:key-of-other' }
  const tokenFor = async (
    { ask }: ReturnType<typeof openServer>,
    body: unknown,
    key = 'key-of-acme',
  ) => {
    const reply = await ask(key, 'POST', '/api/tokens', { body })
    expect(reply.status, reply.text).toBe(201)
    const { token, expiresAt }: { token: string; expiresAt: number } = JSON.parse(reply.text)
    return { token, expiresAt }
  }
  const say = (id: string, message = 'Hi') => ({ body: { id, message } })

  it('is for one session', async () => {
    await using server = openServer(settings)
    const { ask } = server
    const { token, expiresAt } = await tokenFor(server, { session: 's' })
    expect(token).toMatch(/^loomt_/)
    expect(expiresAt - Date.now()).toBeGreaterThan(890_000)
    expect(expiresAt - Date.now()).toBeLessThanOrEqual(900_000)
    expect((await ask(token, 'POST', '/api/chat', say('s'))).status).toBe(200)
    expect((await ask(token, 'POST', '/api/chat', say('t'))).status).toBe(404)
    expect((await ask('key-of-acme', 'GET', '/api/chat/s/messages')).text).toContain('Hi')
    expect((await ask('key-of-other', 'GET', '/api/chat/s/messages')).text).toBe('[]')
  })

  it('is for one subject', async () => {
    await using server = openServer(settings)
    const { ask } = server
    const ada = await tokenFor(server, { subject: 'ada' })
    const bob = await tokenFor(server, { subject: 'bob', scopes: ['read'] })
    expect((await ask(ada.token, 'POST', '/api/chat', say('s'))).status).toBe(200)
    expect((await ask(bob.token, 'GET', '/api/chat/s')).status).toBe(404)
    expect((await ask(bob.token, 'POST', '/api/chat', say('b'))).status).toBe(403)
    expect((await ask(bob.token, 'GET', '/api/chat')).text).toBe('{"sessions":[]}')
    const theirs = await tokenFor(server, { subject: 'ada' }, 'key-of-other')
    expect((await ask(theirs.token, 'GET', '/api/chat/s/messages')).text).toBe('[]')
  })

  it('makes no tokens, and neither does a JWT', async () => {
    const secret = 'a-secret-of-the-issuer-with-43-characters-!'
    await using server = openServer({ ...settings, LOOM_JWT_SECRET: secret })
    const { token } = await tokenFor(server, { subject: 'ada' })
    const jwt = await secretJwt({ sub: 'ada', tenant: 'acme', scope: 'admin' }, secret)
    for (const credential of [token, jwt]) {
      const reply = await server.ask(credential, 'POST', '/api/tokens', {
        body: { subject: 'bob' },
      })
      expect(reply.status).toBe(403)
      expect(reply.text).toContain('cannot make tokens')
    }
  })

  it.each([
    ['no holder', {}],
    ['the scope admin', { subject: 'ada', scopes: ['admin'] }],
    ['a lifetime of 0', { subject: 'ada', expiresIn: 0 }],
    ['a lifetime of two days', { subject: 'ada', expiresIn: 172_800 }],
    ['a tenant', { subject: 'ada', tenant: 'other' }],
    ['an empty subject', { subject: '' }],
    ['the session ".."', { session: '..' }],
  ])('is refused with %s', async (_name, body) => {
    await using server = openServer(settings)
    expect((await server.ask('key-of-acme', 'POST', '/api/tokens', { body })).status).toBe(400)
  })

  it('expires', async () => {
    await using server = openServer(settings)
    const { token, expiresAt } = await tokenFor(server, { subject: 'ada', expiresIn: 1 })
    await expect
      .poll(async () => (await server.ask(token, 'GET', '/api/chat')).status, { timeout: 10_000 })
      .toBe(401)
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt)
  })

  it('is valid on every instance with the same settings, and ends with its key', async () => {
    await using one = openServer(settings)
    await using two = openServer({ LOOM_API_KEYS: 'acme:key-of-acme' })
    await using renewed = openServer({ LOOM_API_KEYS: 'acme:key-two-of-acme,other:key-of-other' })
    const { token } = await tokenFor(one, { subject: 'ada' })
    expect((await two.ask(token, 'GET', '/api/chat')).status).toBe(200)
    expect((await renewed.ask(token, 'GET', '/api/chat')).status).toBe(401)
  })

  it('is signed by the first secret, and verified by each', async () => {
    const next = 'another-secret-with-more-than-32-characters'
    const keys = { LOOM_API_KEYS: `acme:${hashOf('key-of-acme')}` }
    await using before = openServer({ ...keys, LOOM_TOKEN_SECRET: tokenSecret })
    await using during = openServer({ ...keys, LOOM_TOKEN_SECRET: `${next},${tokenSecret}` })
    await using after = openServer({ ...keys, LOOM_TOKEN_SECRET: next })
    await using none = openServer(keys)
    const [old, fresh] = [
      await tokenFor(before, { subject: 'ada' }),
      await tokenFor(during, { subject: 'ada' }),
    ]
    const statusOf = async (server: typeof before, { token }: typeof old) =>
      (await server.ask(token, 'GET', '/api/chat')).status
    expect([await statusOf(during, old), await statusOf(after, old)]).toEqual([200, 401])
    expect([await statusOf(before, fresh), await statusOf(after, fresh)]).toEqual([401, 200])
    const refused = await none.ask('key-of-acme', 'POST', '/api/tokens', {
      body: { subject: 'ada' },
    })
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('LOOM_TOKEN_SECRET')
  })

  it('of a tenant without a key is not valid any more', async () => {
    const secret = { LOOM_TOKEN_SECRET: tokenSecret }
    await using before = openServer({ ...settings, ...secret })
    await using after = openServer({ LOOM_API_KEYS: 'other:key-of-other', ...secret })
    const { token } = await tokenFor(before, { subject: 'ada' })
    expect((await after.ask(token, 'GET', '/api/chat')).status).toBe(401)
  })

  it('with a changed part is not valid', async () => {
    await using server = openServer(settings)
    const { token } = await tokenFor(server, { session: 's' })
    const [header = '', payload = '', signature = ''] = token.slice(6).split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const forged = [
      `loomt_${header}.${part({ ...claims, session: 't' })}.${signature}`,
      `loomt_${part({ alg: 'none', typ: 'loom-token+jwt' })}.${payload}.`,
      `loomt_${header}.${payload}.`,
      token.slice(6),
      `loomt_${token}`,
      'loomt_',
      await secretJwt(claims, 'key-of-acme'.padEnd(32, '-')),
      `loomt_${await secretJwt(claims, sha256('key-of-acme').toString('hex'))}`,
    ]
    for (const each of forged)
      expect((await server.ask(each, 'GET', '/api/chat')).status, each).toBe(401)
  })

  it('needs a server with keys', async () => {
    await using server = openServer({})
    const reply = await server.ask(undefined, 'POST', '/api/tokens', { body: { subject: 'ada' } })
    expect(reply.status).toBe(403)
    expect(reply.text).toContain('LOOM_API_KEYS')
  })
})
