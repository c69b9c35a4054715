/** A session of 5,000 messages holds the event loop at most 20 ms at a time, on every route that reads it. */
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { endProcesses } from '../loom-process.ts'
import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { quickly, startWatched, type WatchedServer } from './kit.ts'

const limitMs = 20

await using stack = new AsyncDisposableStack()
const owned = stack.move()
afterAll(async () => {
  await endProcesses()
  await owned.disposeAsync()
})

const sessions = [
  'warm',
  'read',
  'posted',
  'edited',
  ...Array.from({ length: 12 }, (_, index) => `gone${index}`),
]

describe.for(['memory', 'Redis'] as const)('a server with its sessions in %s', (store) => {
  let server: WatchedServer
  const request = async (path: string, method = 'GET', body?: object) => {
    const response = await fetch(`${server.url}/api/chat${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    expect([response.status, response.ok ? '' : text]).toEqual([response.status, ''])
    return text
  }
  const untilIdle = (id: string) =>
    until(30_000, `${id} is idle`, async () => (await request(`/${id}`)).includes('"idle"'))
  const post = (id: string, text: string, more: object = {}) =>
    request('', 'POST', { id, message: { role: 'user', parts: [{ type: 'text', text }] }, ...more })

  beforeAll(async () => {
    const redis = store === 'Redis' ? owned.use(await startRedis()) : undefined
    server = await startWatched(
      { SESSIONS: sessions.join(), ...(redis !== undefined && { REDIS_URL: redis.url }) },
      join(import.meta.dirname, 'long-session-server.ts'),
    )
    for (const id of sessions) await untilIdle(id)
    // The first requests load and compile the code.
    for (let round = 0; round < 3; round++) {
      await post('warm', 'And?')
      for (const path of [
        '',
        '/messages',
        '/messages?limit=100',
        '/prompt',
        '/branches',
        '/stream',
      ])
        await request(`/warm${path}`)
      await request('/warm/fork', 'POST', { id: `warm-fork-${round}` })
      await request(`/warm-fork-${round}`, 'DELETE')
    }
    await server.held()
  }, 180_000)

  const paths = ['', '/messages', '/messages?limit=1000', '/prompt', '/branches', '/stream']
  it.for(paths)('reads %s', async (path) => {
    const text = await quickly(server, path, () => request(`/read${path}`), limitMs)
    if (path === '/messages') expect(JSON.parse(text)).toHaveLength(5002)
  })

  it('lists the sessions', async () => {
    await quickly(server, 'list', () => request(''), limitMs)
  })

  it('accepts a message, and answers it', async () => {
    const text = await quickly(server, 'post', () => post('posted', 'And?'), limitMs)
    expect(text).toContain('Yes, of course.')
  })

  it('answers the last message again', async () => {
    const body = { id: 'edited', trigger: 'regenerate-message' }
    expect(await quickly(server, 'again', () => request('', 'POST', body), limitMs)).toContain(
      'Yes',
    )
  })

  it('edits an early message', async () => {
    const parts = [{ type: 'text', text: 'Other words' }]
    const edit = { id: 'm4000', role: 'user', parts }
    const more = { trigger: 'submit-message', messageId: 'm4000' }
    const work = () => request('', 'POST', { id: 'edited', message: edit, ...more })
    expect(await quickly(server, 'edit', work, limitMs)).toContain('Yes')
  })

  it('forks', async () => {
    const fork = (attempt: number) =>
      request('/read/fork', 'POST', { id: `fork-${store}-${attempt}`, messageId: 'm4001' })
    await quickly(server, 'fork', fork, limitMs)
  })

  it('deletes', async () => {
    await quickly(server, 'delete', (attempt) => request(`/gone${attempt}`, 'DELETE'), limitMs)
  })
})
