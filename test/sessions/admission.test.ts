/** An instance that runs as many turns as it may: what it refuses, what waits, and what goes on. */
import { randomUUID } from 'node:crypto'

import { expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openStage, type Stage, type StageInstance } from './stage.ts'
import { untilIdle } from './staged-turn.ts'
import { cast, messagesOf, openTab, post, stateOf, stopTurn } from './tab.ts'
import { textOf } from './world.ts'

const full = { LOOM_TURNS_MAX: '2' }

const readiness = async ({ url }: StageInstance) => {
  const response = await fetch(`${url}/readyz`)
  return `${response.status} ${await response.text()}`
}

/** Begins turns that the model holds. */
async function fill({ url }: StageInstance, count = 2): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  for (const id of ids) await cast(url, id, 'steps: 1 hold')
  return ids
}

const isAnswered = async (url: string, id: string, count: number) =>
  (await answersIn(url, id)).length === count

const answersIn = async (url: string, id: string) => {
  const messages = await messagesOf(url, id)
  return messages.filter(({ role }) => role === 'assistant').map(({ parts }) => textOf({ parts }))
}

/** Waits for a heartbeat, after which an instance looks for places. */
async function nextBeat({ redis }: Stage): Promise<void> {
  const read = async () =>
    String(await redis.client.zrange('loom:{instances}:register', '0', '-1', 'WITHSCORES'))
  const before = await read()
  await until(5000, 'a heartbeat', async () => (await read()) !== before)
}

it('a full instance refuses a new message whole, and another one takes it', async () => {
  await using stage = await openStage({ environment: full })
  const [one, two] = [stage.instance(0), stage.instance(1)]
  const ids = await fill(one)
  const id = randomUUID()
  const refused = await post(one.url, id, 'steps: 1', { headers: { accept: 'application/json' } })
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toEqual({
    error: { code: 'unavailable', message: expect.stringContaining('as many answers at once') },
  })
  expect((await fetch(`${one.url}/api/chat/${id}`)).status).toBe(404)
  expect(await stage.redis.client.keys(`loom:{${id}}*`)).toEqual([])
  expect(await readiness(one)).toBe('200 {"status":"full"}')
  expect((await fetch(`${one.url}/healthz`)).status).toBe(200)
  const tab = openTab({ urls: [two.url] })
  expect(textOf((await tab.send(id, 'steps: 1').message) ?? { parts: [] })).toContain('one two')
  expect(await readiness(two)).toBe('200 {"status":"ready"}')
  stage.upstream.letGo()
  for (const each of ids) await untilIdle(one.url, each)
  expect(await readiness(one)).toBe('200 {"status":"ready"}')
})

it('a resumable tab waits for a place', async () => {
  await using stage = await openStage({ instances: 1, environment: full })
  const one = stage.instance(0)
  await fill(one)
  const answer = openTab({ urls: [one.url] }).send(randomUUID(), 'steps: 1')
  await until(5000, 'the refusal of the post', () => one.errors().includes('unavailable'))
  stage.upstream.letGo()
  expect(textOf((await answer.message) ?? { parts: [] })).toContain('one two three')
})

it('a full instance queues messages of sessions that run, and knows repeated posts', async () => {
  await using stage = await openStage({ instances: 1, environment: full })
  const one = stage.instance(0)
  const done = randomUUID()
  const messageId = randomUUID()
  await cast(one.url, done, 'steps: 1', { messageId })
  await untilIdle(one.url, done)
  const [first = ''] = await fill(one)
  await cast(one.url, first, 'steps: 1')
  await cast(one.url, done, 'steps: 1', { messageId })
  expect((await post(one.url, done, 'steps: 1')).status).toBe(503)
  expect(await answersIn(one.url, done)).toHaveLength(1)
  stage.upstream.letGo()
  await until(10_000, 'both answers', async () => isAnswered(one.url, first, 2))
})

it('turns of a dead instance wait for places, and none is lost', async () => {
  await using stage = await openStage({ environment: full })
  const [one, two] = [stage.instance(0), stage.instance(1)]
  const kept = await fill(two)
  const ids = await fill(one)
  await until(5000, 'the model holds all', () => stage.upstream.held === 4)
  await one.kill()
  await until(10_000, 'both turns wait for a place', async () => {
    return (await stage.redis.client.scard('loom:{instances}:noted:agent:assistant!place')) === 2
  })
  // The place of this turn goes to one of them, and not to a new message.
  expect(await stopTurn(two.url, kept[0] ?? '')).toBe(true)
  await until(10_000, 'one of them runs', () => stage.upstream.held === 2 && runsAt(two) === 3)
  expect((await post(two.url, randomUUID(), 'steps: 1')).status).toBe(503)
  stage.upstream.letGo()
  for (const id of [...kept, ...ids]) await untilIdle(two.url, id)
  for (const id of ids)
    expect(await answersIn(two.url, id)).toEqual([expect.stringContaining('three')])
  expect((await post(two.url, randomUUID(), 'steps: 1')).status).toBe(202)

  function runsAt({ key }: StageInstance): number {
    return stage.upstream.calls.filter((call) => call.key === key).length
  }
})

it('a released queue waits for a place', async () => {
  await using stage = await openStage({ instances: 1, environment: full })
  const one = stage.instance(0)
  const id = randomUUID()
  await cast(one.url, id, 'steps: 1 hold')
  await cast(one.url, id, 'steps: 1')
  await stopTurn(one.url, id)
  await untilIdle(one.url, id)
  await fill(one)
  const run = await fetch(`${one.url}/api/chat/${id}/queue/run`, { method: 'POST' })
  expect(await run.json()).toEqual({ running: true, queued: 0 })
  expect(await stateOf(one.url, id)).toBe('running')
  const before = stage.upstream.calls.length
  for (let beats = 0; beats < 3; beats++) await nextBeat(stage)
  expect(stage.upstream.calls).toHaveLength(before)
  stage.upstream.letGo()
  await until(10_000, 'the released answer', async () => isAnswered(one.url, id, 2))
})

it('many more tabs than places get their answers, and health checks do not wait', async () => {
  const places = 20
  await using stage = await openStage({
    instances: 1,
    environment: { LOOM_TURNS_MAX: String(places) },
    paceMs: 20,
  })
  const one = stage.instance(0)
  const tabs = Array.from({ length: 5 * places }, () => {
    return openTab({ urls: [one.url] }).send(randomUUID(), 'steps: 1').message
  })
  const all = Promise.all(tabs)
  const ended = new AbortController()
  void all.finally(() => ended.abort()).catch(() => {})
  let [most, slowestMs, timesFull] = [0, 0, 0]
  while (!ended.signal.aborted) {
    const askedAt = performance.now()
    expect((await fetch(`${one.url}/healthz`)).status).toBe(200)
    slowestMs = Math.max(slowestMs, performance.now() - askedAt)
    most = Math.max(most, stage.upstream.running)
    if ((await readiness(one)).includes('full')) timesFull++
  }
  for (const message of await all) expect(textOf(message ?? { parts: [] })).toContain('three')
  expect(most).toBeLessThanOrEqual(places)
  expect(timesFull).toBeGreaterThan(0)
  expect(slowestMs).toBeLessThan(1000)
})
