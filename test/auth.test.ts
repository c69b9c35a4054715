import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { assistant } from '../agents/assistant.ts'
import { readConfig } from '../src/config.ts'
import { listen, type Listening } from '../src/server/listen.ts'
import { servedApp } from './served-app.ts'

const keys = ['first-secret-key', 'second-secret-key']

describe('a server with keys', () => {
  let server: Listening

  beforeAll(async () => {
    const config = readConfig({ LOOM_API_KEYS: keys.join(','), LOOM_MODEL: 'demo/fast' })
    const app = await servedApp({ agents: [assistant], config })
    server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  })

  afterAll(() => server.stop(0))

  const ask = (authorization?: string, path = '/api/chat') =>
    fetch(`${server.url}${path}`, {
      method: 'POST',
      body: JSON.stringify({ message: 'What is 2 + 3?' }),
      ...(authorization !== undefined && { headers: { authorization } }),
    })

  it('answers every key', async () => {
    for (const key of keys) {
      const response = await ask(`Bearer ${key}`)
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('[DONE]')
    }
  })

  it.each([
    ['no key', undefined],
    ['an unknown key', 'Bearer third-secret-key'],
    ['an empty key', 'Bearer '],
    ['another scheme', `Basic ${keys[0]}`],
    ['a part of a key', 'Bearer first-secret'],
  ])('refuses %s with 401', async (_name, authorization) => {
    const response = await ask(authorization)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await response.text()).toMatch(/API key/)
  })

  it('guards every route below /api', async () => {
    for (const path of [
      '/api/agents',
      '/api/models',
      '/api/agents/assistant/chat',
      '/api/nothing',
    ]) {
      expect((await ask(undefined, path)).status, path).toBe(401)
    }
  })

  it('health checks need no key', async () => {
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
  })
})
