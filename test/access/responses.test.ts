/** The headers of every response, and failed authentications. */
import { describe, expect, it, onTestFinished } from 'vitest'

import { listen } from '../../src/server/listen.ts'
import { openServer } from './access-server.ts'

async function served(settings: Record<string, string>) {
  const server = openServer(settings)
  const listening = await listen(server.app.fetch, { host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    await listening.stop(0)
    await server.loom.close()
  })
  return { ...server, url: listening.url }
}

const key = { authorization: 'Bearer key-of-acme' }
const keys = { LOOM_API_KEYS: 'acme:key-of-acme' }

describe('every response', () => {
  it.each<[string, string, RequestInit, number]>([
    ['a page', '/', {}, 200],
    ['a script', '/playground.js', {}, 200],
    ['the reference', '/docs', {}, 200],
    ['a check', '/healthz', {}, 200],
    ['JSON', '/api/chat', { headers: key }, 200],
    ['a stream', '/api/chat', { method: 'POST', headers: key, body: '{"message":"Hi"}' }, 200],
    ['no content', '/api/chat/none/stream', { headers: key }, 204],
    ['a refused caller', '/api/chat', {}, 401],
    [
      'a forbidden page',
      '/api/chat',
      { headers: { ...key, origin: 'https://evil.example.com' } },
      403,
    ],
    ['a missing path', '/nowhere', {}, 404],
    ['a wrong method', '/api/agents', { method: 'DELETE', headers: key }, 405],
  ])('that is %s has security headers', async (_name, path, request, status) => {
    const { url } = await served(keys)
    const response = await fetch(url + path, request)
    await response.arrayBuffer()
    expect(response.status).toBe(status)
    const { headers } = response
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    const cache = headers.get('cache-control') ?? ''
    if (path.startsWith('/api') && !cache.includes('no-cache')) expect(cache).toBe('no-store')
    expect(cache).toMatch(/no-store|no-cache/)
  })

  it('to a listed origin allows its cookies, also if it is an error', async () => {
    const { url } = await served({ ...keys, LOOM_CORS_ORIGINS: 'https://app.example.com' })
    const origin = 'https://app.example.com'
    for (const headers of [{ ...key, origin }, { origin }]) {
      const response = await fetch(`${url}/api/chat`, { headers })
      expect(response.headers.get('access-control-allow-origin')).toBe(origin)
      expect(response.headers.get('access-control-allow-credentials')).toBe('true')
      expect(response.headers.get('vary')).toContain('Origin')
    }
    const preflight = await fetch(`${url}/api/chat/s/members`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization,content-type',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization')
  })
})

describe('failed authentications', () => {
  it('are counted and reported without the credential', async () => {
    const { url, failures } = await served({ ...keys, LOOM_JWT_SECRET: 'x'.repeat(40) })
    const wrong = ['a-guessed-key', 'loomt_a.b.c', 'aaa.bbb.ccc', 'key-of-acme!']
    for (const each of wrong) {
      const headers = { authorization: `Bearer ${each}` }
      expect((await fetch(`${url}/api/chat`, { headers })).status).toBe(401)
    }
    expect(failures.map(({ count }) => count)).toEqual([1, 2, 3, 4])
    for (const { address, reason } of failures) {
      expect(address).toBe('127.0.0.1')
      for (const each of wrong) expect(reason).not.toContain(each)
    }
  })

  it('become slower for their address, and a valid key does not', async () => {
    const { url } = await served(keys)
    const ask = async (name: string) => {
      const from = performance.now()
      const headers = { authorization: `Bearer ${name}` }
      await (await fetch(`${url}/api/chat`, { headers })).text()
      return { name, ms: performance.now() - from }
    }
    await ask('key-of-acme')
    const wrong: number[] = []
    for (let turn = 0; turn < 11; turn++) wrong.push((await ask('a-guessed-key')).ms)
    // Delays of 50, 100, 200, 400, 800 and 1600 ms after five free ones.
    expect(wrong.slice(5).reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(3140)
    const slow = ask('a-guessed-key')
    expect((await Promise.race([slow, ask('key-of-acme')])).name).toBe('key-of-acme')
    await slow
  })

  it('do not count a page that asks without a key', async () => {
    const { url, failures } = await served(keys)
    expect((await fetch(`${url}/api/agents`)).headers.get('www-authenticate')).toBe('Bearer')
    expect(failures).toEqual([])
  })
})
