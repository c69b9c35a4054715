/** The operator's view of a faulty or flushed Redis: readiness, and one log line for each fault. */
import { randomUUID } from 'node:crypto'

import { expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openStage, type StageInstance } from './stage.ts'
import { beginTurn, untilSeen } from './staged-turn.ts'
import { openTab, post } from './tab.ts'

const readiness = async ({ url }: StageInstance) => {
  const response = await fetch(`${url}/readyz`)
  return `${response.status} ${await response.text()}`
}

const ready = '200 {"status":"ready"}'
const unready = '503 {"status":"store-unavailable"}'

it('readiness follows a dead, frozen or full Redis', async () => {
  await using stage = await openStage({ instances: 1 })
  const one = stage.instance(0)
  const { redis } = stage
  const ills: [name: string, begin: () => unknown, end: () => unknown][] = [
    ['dead', () => redis.kill(), () => redis.restart()],
    ['frozen', () => redis.freeze(), () => redis.thaw()],
    [
      'full',
      () => redis.client.config('SET', 'maxmemory', '1'),
      () => redis.client.config('SET', 'maxmemory', '0'),
    ],
  ]
  for (const [name, begin, end] of ills) {
    await until(
      10_000,
      `ready before Redis is ${name}`,
      async () => (await readiness(one)) === ready,
    )
    await begin()
    await until(10_000, `not ready while Redis is ${name}`, async () => {
      return (await readiness(one)) === unready
    })
    expect((await fetch(`${one.url}/healthz`)).status).toBe(200)
    await end()
  }
  await until(10_000, 'ready at the end', async () => (await readiness(one)) === ready)
})

it('the log has one line for an answer lost by FLUSHALL', async () => {
  await using stage = await openStage({ paceMs: 20 })
  const [one, two] = [stage.instance(0), stage.instance(1)]
  const deleted = await beginTurn({ owner: one, survivor: two })
  const lost = await beginTurn({ owner: one, survivor: two })
  for (const turn of [deleted, lost]) {
    for (const { message } of [turn.asked, turn.watched]) void message.catch(() => {})
  }
  await untilSeen(deleted, 5)
  await untilSeen(lost, 5)
  const { status } = await fetch(`${two.url}/api/chat/${deleted.chatId}`, { method: 'DELETE' })
  expect(status).toBe(204)
  await stage.redis.client.flushall()
  await until(10_000, 'the loss is logged', () => one.errors().includes(lost.chatId))
  const lines = one.errors().split('\n').filter(Boolean)
  expect(lines.filter((line) => line.includes(lost.chatId))).toEqual([
    expect.stringMatching(/^loom: gone: The answer \S+ of session \S+ is lost: .*FLUSHALL/),
  ])
  expect(one.errors()).not.toContain(deleted.chatId)
})

it('a session with an unknown state is refused and unchanged', async () => {
  await using stage = await openStage({ instances: 1 })
  const one = stage.instance(0)
  const chatId = randomUUID()
  await openTab({ urls: [one.url] }).send(chatId, 'steps: 1').message
  const { client } = stage.redis
  const key = `loom:{${chatId}}:session`
  expect(await client.hget(key, 'state')).toBe('idle')
  await client.hset(key, 'state', 'suspended')
  const before = await client.hgetall(key)
  const posted = await post(one.url, chatId, 'steps: 1')
  expect([posted.status, await posted.text()]).toEqual([
    503,
    expect.stringContaining('not known to this version'),
  ])
  for (const path of ['', '/messages', '/stream', '/queue']) {
    expect((await fetch(`${one.url}/api/chat/${chatId}${path}`)).status, path).toBe(503)
  }
  expect(await client.hgetall(key)).toEqual(before)
  await client.hset(key, 'state', 'idle')
  expect((await post(one.url, chatId, 'steps: 1')).status).toBe(202)
})

it('only the operator sees the text of Redis', async () => {
  await using stage = await openStage({ instances: 1 })
  const one = stage.instance(0)
  const { client } = stage.redis
  const wrong = randomUUID()
  await client.set(`loom:{${wrong}}:session`, 'a string')
  const broken = await post(one.url, wrong, 'steps: 1')
  expect([broken.status, await broken.text()]).toEqual([500, 'Something went wrong in the server.'])
  await client.config('SET', 'maxmemory', '1')
  const refused = await post(one.url, randomUUID(), 'steps: 1')
  const told = await refused.text()
  await client.config('SET', 'maxmemory', '0')
  expect([refused.status, told]).toEqual([503, expect.stringMatching(/^Redis refuses/)])
  expect(told).not.toMatch(/OOM|maxmemory|command/)
  const lines = one.errors().split('\n').filter(Boolean)
  expect(lines.every((line) => line.startsWith('loom: '))).toBe(true)
  expect(one.errors()).toMatch(/^loom: internal: .*WRONGTYPE/m)
  expect(one.errors()).toMatch(/^loom: unavailable: .*OOM/m)
})

it('a thousand readers of a queued message cost few reads', async () => {
  await using stage = await openStage({ instances: 1, paceMs: 20 })
  const one = stage.instance(0)
  const chatId = randomUUID()
  const { client } = stage.redis
  const running = openTab({ urls: [one.url], resumes: false }).send(chatId, 'steps: 300')
  void running.message.catch(() => {})
  const queued = async () => (await client.zcard(`loom:{${chatId}}:mail`)) > 0
  const leaving = new AbortController()
  const read = async () => {
    const response = await fetch(`${one.url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({
        id: chatId,
        message: { id: 'q', role: 'user', parts: [{ type: 'text', text: 'steps: 1' }] },
      }),
      signal: leaving.signal,
    })
    return response.status
  }
  await until(10_000, 'the first answer runs', async () => {
    return (await client.hget(`loom:{${chatId}}:session`, 'state')) === 'running'
  })
  const commandsIn = async (ms: number) => {
    const count = async () =>
      Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1])
    const before = await count()
    // The count is a rate: it needs a time.
    await new Promise((resolve) => setTimeout(resolve, ms))
    return (await count()) - before
  }
  expect(await read()).toBe(200)
  await until(10_000, 'the message waits', queued)
  const alone = await commandsIn(1000)
  const all = await Promise.all(Array.from({ length: 1000 }, read))
  expect(new Set(all)).toEqual(new Set([200]))
  // Each reader reads a few times when it joins, which may happen after its headers.
  await until(30_000, 'a thousand readers cost hardly more than one', async () => {
    return (await commandsIn(1000)) < alone * 3 + 100
  })
  leaving.abort()
}, 180_000)
