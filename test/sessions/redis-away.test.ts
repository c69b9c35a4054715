/**
 * Redis is unreachable: turns wait and continue, requests that cannot be stored are refused whole, and
 * nothing hangs.
 */
import { randomUUID } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { within } from '../deadline.ts'
import { busyness } from '../machine.ts'
import { until } from '../redis/until.ts'
import { restartRedisAmid } from './fault-kit.ts'
import { openStage } from './stage.ts'
import { beginTurn, expectWhole, untilIdle, untilSeen } from './staged-turn.ts'
import { messagesOf, openTab, post } from './tab.ts'

/** The delay of a stream beyond the patience of its server: a moment on a busy machine. */
const momentMs = 4000

/** The time that a request waits for Redis. */
const requestMs = 5000

describe('a Redis that restarts', () => {
  it.each([0, 2500])('costs no turn anything, after %i ms', async (awayMs) => {
    // Longer than an instance needs to reconnect to Redis.
    const environment = { LOOM_HEARTBEAT_MS: '1500' }
    await using stage = await openStage({ paceMs: 20, environment })
    const [one, two] = [stage.instance(0), stage.instance(1)]
    const turns = await Promise.all(
      [0, 1, 2, 3, 4, 5].map((index) =>
        beginTurn(index % 2 === 0 ? { owner: one, survivor: two } : { owner: two, survivor: one }),
      ),
    )
    await Promise.all(turns.map((turn) => untilSeen(turn, 20)))
    // No heartbeat arrives for that time, and no instance is dead.
    await restartRedisAmid(stage, { turns, door: one, awayMs })
    // No living owner lost its turn: each step was asked once.
    expect(stage.upstream.calls).toHaveLength(turns.length * 10)
  })

  it('delays posts and reads', async () => {
    await using stage = await openStage({ paceMs: 20 })
    const [one, two] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner: one, survivor: two })
    await untilSeen(turn, 20)
    await stage.redis.kill()
    const late = openTab({ urls: [two.url], resumes: false }).reattach(turn.chatId)
    const next = post(two.url, turn.chatId, 'steps: 1', { messageId: 'next' })
    await stage.redis.restart()
    expect((await next).status).toBe(202)
    const [mine, theirs, third] = await Promise.all(
      [turn.asked, turn.watched, late].map(({ message }) => message),
    )
    await untilIdle(two.url, turn.chatId)
    const history = await messagesOf(two.url, turn.chatId)
    expect(history.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    for (const message of [mine, theirs, third]) expect(message).toEqual(history[1])
  })
})

describe('an outage of Redis longer than the patience of a request', () => {
  // Both at a time: they wait for most of their time.
  it.concurrent('delays turns and readers, and requests fail in seconds', async () => {
    await using stage = await openStage({ paceMs: 20 })
    const [one, two] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner: one, survivor: two })
    await untilSeen(turn, 20)
    await stage.redis.kill()
    const late = openTab({ urls: [two.url], resumes: false }).reattach(turn.chatId)
    const refusedId = randomUUID()
    const chat = `/api/chat/${turn.chatId}`
    const requests: [method: string, path: string][] = [
      ['GET', '/api/chat'],
      ['GET', chat],
      ['GET', `${chat}/messages`],
      ['GET', `${chat}/queue`],
      ['POST', `${chat}/stop`],
      ['POST', `${chat}/fork`],
      ['DELETE', `${chat}/queue/any`],
      ['DELETE', chat],
    ]
    const refused = await within(
      requestMs + momentMs,
      'a refusal of every request',
      Promise.all([
        post(one.url, turn.chatId, 'steps: 1', { messageId: 'refused' }),
        post(two.url, refusedId, 'steps: 1', { messageId: 'refused' }),
        ...requests.map(([method, path]) => fetch(one.url + path, { method })),
      ]),
    )
    for (const { status, headers } of refused) {
      expect([status, headers.get('retry-after')]).toEqual([503, '1'])
    }
    await stage.redis.restart()
    const shown = [turn.asked, turn.watched, late].map(({ message }) => message)
    const [mine, theirs, third] = await Promise.all(shown)
    await untilIdle(two.url, turn.chatId)
    const history = await messagesOf(two.url, turn.chatId)
    // It was neither stopped nor deleted, and no refused request had a late effect.
    expect(history.map(({ role }) => role)).toEqual(['user', 'assistant'])
    for (const message of [mine, theirs, third]) expect(message).toEqual(history[1])
    if (mine !== undefined) expectWhole(mine, 10)
    expect((await fetch(`${one.url}/api/chat/${refusedId}`)).status).toBe(404)
    const list: unknown = await (await fetch(`${one.url}/api/chat`)).json()
    expect(list).toMatchObject({ sessions: [{ id: turn.chatId }] })
    for (const chatId of [turn.chatId, refusedId]) {
      const again = await post(two.url, chatId, 'steps: 1', { messageId: 'refused' })
      expect(again.status).toBe(202)
      await untilIdle(one.url, chatId)
      const roles = (await messagesOf(one.url, chatId)).map(({ role }) => role)
      expect(roles.slice(-2)).toEqual(['user', 'assistant'])
      expect(roles).toHaveLength(chatId === refusedId ? 2 : 4)
    }
  })

  it.concurrent('stores all or nothing of a refused message', async () => {
    await using stage = await openStage({ instances: 1 })
    const instance = stage.instance(0)
    const { url } = instance
    const chatIds = Array.from({ length: 60 }, () => randomUUID())
    const options = { messageId: 'on-the-way' }
    const posted = chatIds.map((chatId) => post(url, chatId, 'steps: 1', options))
    // The others are at any point between their arrival and their response.
    await Promise.race(posted)
    instance.partition()
    const answers = await within(requestMs + momentMs, 'every answer', Promise.all(posted))
    instance.heal()
    await until(10_000, 'messages are taken', async () => {
      return (await fetch(`${url}/api/chat/${randomUUID()}`)).status === 404
    })
    for (const { status } of answers) expect([202, 503]).toContain(status)
    // An accepted message is not posted again.
    const refused = chatIds.filter((_, index) => answers[index]?.status === 503)
    for (const chatId of refused)
      expect((await post(url, chatId, 'steps: 1', options)).status).toBe(202)
    for (const chatId of chatIds) {
      await untilIdle(url, chatId)
      const roles = (await messagesOf(url, chatId)).map(({ role }) => role)
      expect(roles).toEqual(['user', 'assistant'])
    }
    expect(stage.upstream.calls).toHaveLength(chatIds.length)
  })
})

describe('the log of a server', () => {
  // Both at a time: they wait for most of their time.
  it.concurrent.each(['is away', 'cannot be reached'])(
    'reports that its Redis %s, then less often, and its return',
    async (how) => {
      const environment = { LOOM_REDIS_PATIENCE: '1000' }
      await using stage = await openStage({ paceMs: 20, environment })
      const [one, two] = [stage.instance(0), stage.instance(1)]
      const turn = await beginTurn({ owner: one, survivor: two })
      await untilSeen(turn, 20)
      if (how === 'is away') await stage.redis.kill()
      else one.partition()
      const began = performance.now()
      while (performance.now() - began < 9000) {
        expect((await post(one.url, turn.chatId, 'steps: 1')).status).toBe(503)
      }
      if (how === 'is away') await stage.redis.restart()
      else one.heal()
      await until(10_000, 'that it is back', () => one.errors().includes('back'))
      await untilIdle(one.url, turn.chatId)
      const lines = one.errors().trimEnd().split('\n')
      // At once, after 2 s, 6 s, and once more on a slow machine.
      const told = lines.filter((line) => line.startsWith('loom: unavailable: '))
      expect(told.length).toBeGreaterThanOrEqual(3)
      expect(told.length).toBeLessThanOrEqual(4)
      expect(told[0]).toMatch(/^loom: unavailable: .*Redis.*[^)]$/)
      expect(told[1]).toMatch(/ \(and [1-9]\d* more\)$/)
      const others = lines.filter((line) => !told.includes(line))
      expect(others).toEqual([expect.stringMatching(/^loom: Redis is back after \d+ s\.$/)])
    },
  )
})

describe('an outage of Redis longer than the patience of a turn', () => {
  const patienceMs = 500
  const environment = { LOOM_REDIS_PATIENCE: String(patienceMs) }

  it('resets streams in time, and its turns continue later', async () => {
    await using stage = await openStage({ paceMs: 20, environment })
    const [one, two] = [stage.instance(0), stage.instance(1)]
    const chatIds = [randomUUID(), randomUUID()]
    const seen = [0, 0]
    const plain = chatIds.map((chatId, index) =>
      openTab({ urls: [one.url], resumes: false }).send(chatId, 'steps: 10', {
        onChunk: () => (seen[index] = (seen[index] ?? 0) + 1),
      }),
    )
    await until(5000, 'the turns are under way', () => seen.every((count) => count > 15))
    const watching = chatIds.map((chatId) =>
      openTab({ urls: [two.url], resumes: false }).reattach(chatId),
    )
    await until(5000, 'more is said', () => seen.every((count) => count > 25))
    await stage.redis.kill()
    // No stream ends like a complete one.
    await within(
      patienceMs + momentMs,
      'the reset of every stream',
      Promise.all(
        [...plain, ...watching].map(({ message }) => expect(message).rejects.toThrow(TypeError)),
      ),
    )
    const refused = await within(
      patienceMs + momentMs,
      'a refusal to read',
      fetch(`${two.url}/api/chat/${chatIds[0]}/stream`),
    )
    expect(refused.status).toBe(503)
    await stage.redis.restart()
    for (const chatId of chatIds) {
      await untilIdle(one.url, chatId)
      const [, stored] = await messagesOf(one.url, chatId)
      if (stored === undefined) throw new Error('nothing was stored')
      expectWhole(stored, 10)
    }
  })

  it('returns turns to an owner that counted as dead', async () => {
    const slow = { ...environment, LOOM_HEARTBEAT_MS: '1500' }
    await using stage = await openStage({ paceMs: 20, environment: slow })
    const owner = stage.instance(0)
    const chatId = randomUUID()
    const tab = openTab({ urls: [owner.url], resumes: false }).send(chatId, 'steps: 10')
    await until(5000, 'the turn is under way', () => stage.upstream.calls.length > 2)
    const indexes = () => stage.redis.client.keys('loom:{instances}:noted:*')
    const [before] = await indexes()
    await stage.redis.kill()
    await expect(tab.message).rejects.toThrow(TypeError)
    // It reconnects to Redis a moment later than the other one.
    owner.partition()
    await stage.redis.restart()
    await until(10_000, 'another has its index', async () => {
      const [now] = await indexes()
      return now !== undefined && now !== before
    })
    owner.heal()
    await untilIdle(owner.url, chatId)
    const [, stored] = await messagesOf(owner.url, chatId)
    if (stored === undefined) throw new Error('nothing was stored')
    expectWhole(stored, 10)
  })

  it('refuses new messages with 503 and Retry-After', async () => {
    await using stage = await openStage({ environment })
    const [one, two] = [stage.instance(0), stage.instance(1)]
    const chatIds = Array.from({ length: 20 }, () => randomUUID())
    await stage.redis.kill()
    const began = performance.now()
    const refused = await Promise.all(
      chatIds.map((chatId, index) =>
        post([one, two][index % 2]?.url ?? '', chatId, 'steps: 1', { messageId: 'late' }),
      ),
    )
    expect(performance.now() - began).toBeLessThan(2 * patienceMs + momentMs * busyness())
    for (const response of refused) {
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
    }
    await stage.redis.restart()
    await until(10_000, 'messages are taken', async () => {
      return (await fetch(`${one.url}/api/chat/${randomUUID()}`)).status === 404
    })
    // No refused message is stored. A message that is posted again is stored once.
    for (const chatId of chatIds) {
      expect((await fetch(`${two.url}/api/chat/${chatId}`)).status).toBe(404)
    }
    expect(stage.upstream.calls).toHaveLength(0)
    for (const chatId of chatIds) {
      const { status } = await post(two.url, chatId, 'steps: 1', { messageId: 'late' })
      expect(status).toBe(202)
      await untilIdle(one.url, chatId)
      const history = await messagesOf(one.url, chatId)
      expect(history.map(({ role }) => role)).toEqual(['user', 'assistant'])
    }
    expect(stage.upstream.calls).toHaveLength(chatIds.length)
  })
})

describe('a full Redis', () => {
  it('resets streams in time, and its turns continue later', async () => {
    const patienceMs = 500
    const environment = { LOOM_REDIS_PATIENCE: String(patienceMs) }
    await using stage = await openStage({ paceMs: 20, environment })
    const [one, two] = [stage.instance(0), stage.instance(1)]
    const chatId = randomUUID()
    const asked = openTab({ urls: [one.url], resumes: false }).send(chatId, 'steps: 10')
    await until(5000, 'the turn is under way', () => stage.upstream.calls.length > 2)
    const reading = Promise.withResolvers<void>()
    const watched = openTab({ urls: [two.url], resumes: false }).reattach(chatId, {
      onChunk: () => reading.resolve(),
    })
    await within(5000, 'a second reader', reading.promise)
    await stage.redis.client.config('SET', 'maxmemory', '100kb')
    for (const { message } of [asked, watched]) {
      const reset = expect(message).rejects.toThrow(TypeError)
      await within(4 * patienceMs + 2 * momentMs, 'the reset of a stream', reset)
    }
    const refused = await post(one.url, randomUUID(), 'steps: 1', { messageId: 'late' })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    await stage.redis.client.config('SET', 'maxmemory', '0')
    await untilIdle(two.url, chatId)
    const [, stored] = await messagesOf(two.url, chatId)
    if (stored === undefined) throw new Error('nothing was stored')
    expectWhole(stored, 10)
  })
})
