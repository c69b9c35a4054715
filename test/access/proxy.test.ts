/** A proxy that authenticates: its headers name the user, and only its secret makes them count. */
import { request as httpRequest } from 'node:http'

import { describe, expect, it, onTestFinished } from 'vitest'

import { readConfig } from '../../src/config.ts'
import { listen } from '../../src/server/listen.ts'
import { openServer } from './access-server.ts'

const secret = 'a-secret-of-the-proxy-with-36-chars!'
const settings = { LOOM_AUTH: 'proxy', LOOM_PROXY_SECRET: secret }

/** Sends headers as they are, also the same one twice. */
async function overSocket(server: ReturnType<typeof openServer>, headers: readonly string[]) {
  const listening = await listen(server.app.fetch, { host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.stop(0))
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const url = new URL('/api/chat', listening.url)
  const request = httpRequest(url, { headers: ['host', url.host, ...headers] }, (response) => {
    response.resume()
    resolve(response.statusCode ?? 0)
  })
  request.once('error', reject)
  request.end()
  return promise
}

describe('a request through the proxy', () => {
  it('has the user of its headers', async () => {
    await using server = openServer(settings)
    const of = (user: string) => ({ 'x-loom-proxy-secret': secret, 'x-forwarded-user': user })
    const body = { id: 's', message: 'Hi' }
    const post = await server.ask(undefined, 'POST', '/api/chat', { body, headers: of('ada') })
    expect(post.status).toBe(200)
    const statusOf = async (user: string) =>
      (await server.ask(undefined, 'GET', '/api/chat/s', { headers: of(user) })).status
    expect(await statusOf('ada')).toBe(200)
    expect(await statusOf('bob')).toBe(404)
    expect(await statusOf('ADA')).toBe(404)
    const prompt = await server.ask(undefined, 'GET', '/api/chat/s/prompt', { headers: of('ada') })
    expect(prompt.status).toBe(403)
  })

  it('has the tenant and the scopes of the headers that the settings name', async () => {
    await using server = openServer({
      ...settings,
      LOOM_PROXY_TENANT_HEADER: 'X-Org',
      LOOM_PROXY_SCOPES_HEADER: 'x-scopes',
      LOOM_PROXY_SUBJECT_HEADER: 'x-auth-email',
    })
    const statusOf = async (headers: Record<string, string>, method = 'GET', path = '/api/chat') =>
      (
        await server.ask(undefined, method, path, {
          headers: { 'x-loom-proxy-secret': secret, 'x-auth-email': 'ada@example.com', ...headers },
          ...(method === 'POST' && { body: { id: 's', message: 'Hi' } }),
        })
      ).status
    expect(await statusOf({ 'x-org': 'acme', 'x-scopes': 'chat' }, 'POST')).toBe(200)
    expect(await statusOf({ 'x-org': 'acme', 'x-scopes': 'read' }, 'POST')).toBe(403)
    expect(await statusOf({ 'x-org': 'acme', 'x-scopes': 'read' }, 'GET', '/api/chat/s')).toBe(200)
    expect(await statusOf({ 'x-org': 'acme' })).toBe(403)
    expect(await statusOf({ 'x-scopes': 'chat' })).toBe(401)
    const other = { 'x-org': 'other', 'x-scopes': 'admin' }
    expect(await statusOf(other, 'GET', '/api/chat/s')).toBe(404)
  })
})

describe('a request past the proxy', () => {
  it.each<[string, Record<string, string>]>([
    ['without headers', {}],
    ['with a user and no secret', { 'x-forwarded-user': 'ada' }],
    ['with a wrong secret', { 'x-forwarded-user': 'ada', 'x-loom-proxy-secret': `${secret}!` }],
    ['with an empty secret', { 'x-forwarded-user': 'ada', 'x-loom-proxy-secret': '' }],
    ['with the secret and no user', { 'x-loom-proxy-secret': secret }],
    ['with an empty user', { 'x-loom-proxy-secret': secret, 'x-forwarded-user': '' }],
    [
      'with two users in one header',
      { 'x-loom-proxy-secret': secret, 'x-forwarded-user': 'ada, eve' },
    ],
    [
      'with a user of other characters',
      { 'x-loom-proxy-secret': secret, 'x-forwarded-user': 'ad\u00e4' },
    ],
    ['with its user in another header', { 'x-loom-proxy-secret': secret, x_forwarded_user: 'ada' }],
  ])('%s is refused', async (_name, headers) => {
    await using server = openServer(settings)
    const reply = await server.ask(undefined, 'GET', '/api/chat', { headers })
    expect(reply.status).toBe(401)
    expect(reply.text).not.toContain(secret)
    expect(JSON.stringify(server.failures)).not.toContain(secret)
  })

  it('with a header that comes twice is refused', async () => {
    await using server = openServer(settings)
    const ofProxy = ['x-loom-proxy-secret', secret]
    expect(await overSocket(server, [...ofProxy, 'x-forwarded-user', 'ada'])).toBe(200)
    const twice = ['x-forwarded-user', 'eve', 'X-Forwarded-User', 'ada']
    expect(await overSocket(server, [...ofProxy, ...twice])).toBe(401)
    expect(await overSocket(server, [...ofProxy, ...ofProxy, 'x-forwarded-user', 'ada'])).toBe(401)
  })

  it('may have an API key', async () => {
    await using server = openServer({ ...settings, LOOM_API_KEYS: 'acme:key-of-acme' })
    expect((await server.ask('key-of-acme', 'GET', '/api/chat')).status).toBe(200)
    const forged = await server.ask('key-of-acme', 'GET', '/api/chat', {
      headers: { 'x-forwarded-user': 'ada' },
    })
    expect(forged.status).toBe(401)
  })
})

describe('the settings of a proxy', () => {
  it('need a secret where other machines can call the server', () => {
    const open = { LOOM_AUTH: 'proxy', HOST: '0.0.0.0' }
    expect(() => readConfig(open)).toThrow(/LOOM_PROXY_SECRET.*x-loom-proxy-secret/)
    expect(readConfig({ ...open, LOOM_PROXY_SECRET: secret }).access.proxy?.secret).toBe(secret)
    expect(readConfig({ LOOM_AUTH: 'proxy' }).access.proxy).toBeDefined()
  })

  it.each([
    ['LOOM_PROXY_SECRET', secret],
    ['LOOM_PROXY_TENANT_HEADER', 'x-org'],
    ['LOOM_JWT_ISSUER', 'https://id.example.com'],
    ['LOOM_TOKEN_SECRET', secret],
  ])('%s alone is refused', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name} has no effect`))
  })

  it.each([
    ['LOOM_PROXY_SECRET', 'short', /at least 32/],
    ['LOOM_PROXY_SUBJECT_HEADER', 'x user', /name of a header/],
    ['LOOM_JWT_SECRET', 'short', /at least 32/],
    ['LOOM_JWKS_URL', 'http://issuer.example.com/keys', /https/],
    ['LOOM_JWKS_URL', 'file:///etc/keys', /https/],
    ['LOOM_TOKEN_SECRET', `${secret},short`, /at least 32/],
    ['LOOM_API_KEYS', 'alice:sha256:12', /64 hexadecimal/],
    ['LOOM_API_KEYS', `sha256:${'a'.repeat(64)}`, /name each hashed key/],
    ['LOOM_API_KEYS', 'alice/root:a-long-secret', /read, chat, admin and tokens/],
    ['LOOM_API_KEYS', 'alice:loomt_a-long-secret', /loomt_/],
  ])('%s=%s is refused', (name, value, text) => {
    expect(() => readConfig({ [name]: value, LOOM_AUTH: 'proxy' })).toThrow(text)
  })
})
