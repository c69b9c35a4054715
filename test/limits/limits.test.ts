/** The limits of principals, on real servers that share a Redis. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { UIMessage } from 'ai'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'

import { redisSlots } from '../../src/server/limits/slots.ts'
import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { openStage, type StageOptions } from '../sessions/stage.ts'
import { cast, post } from '../sessions/tab.ts'

const keys = { LOOM_API_KEYS: 'alice:secret-of-alice,bob:secret-of-bob' }
const alice = { authorization: 'Bearer secret-of-alice', accept: 'application/json' }
const bob = { authorization: 'Bearer secret-of-bob', accept: 'application/json' }

const openLimited = (limits: Record<string, string>, options: StageOptions = {}) =>
  openStage({ ...options, environment: { ...keys, ...limits } })

const untilIdle = (url: string, id: string) =>
  until(10_000, 'the session is idle', async () => {
    const response = await fetch(`${url}/api/chat/${id}`, { headers: alice })
    return response.ok && (await response.text()).includes('"state":"idle"')
  })

it('requests are counted over all instances, and for each principal', async () => {
  await using stage = await openLimited({ LOOM_LIMIT_REQUESTS: '3/60' })
  const [one, two] = [stage.instance(0).url, stage.instance(1).url]
  const list = (url: string, headers: Record<string, string>) =>
    fetch(`${url}/api/agents`, { headers })
  const first = await list(one, alice)
  expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=60')
  expect(first.headers.get('ratelimit')).toMatch(/^"requests";r=2;t=(60|59)$/)
  expect((await list(two, alice)).headers.get('ratelimit')).toMatch(/^"requests";r=1;/)
  expect((await list(one, alice)).status).toBe(200)
  const refused = await list(two, alice)
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30)
  expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=\d+$/)
  expect(await refused.json()).toEqual({
    error: { code: 'limited', message: expect.stringContaining('limit of 3 requests in 60') },
  })
  const ping = { method: 'POST', headers: alice, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }
  const message = await fetch(`${one}/mcp`, ping)
  expect([message.status, await message.json()]).toEqual([
    429,
    expect.objectContaining({ error: expect.objectContaining({ data: { code: 'limited' } }) }),
  ])
  expect((await list(two, bob)).headers.get('ratelimit')).toMatch(/^"requests";r=2;/)
  for (const path of ['/healthz', '/readyz']) expect((await fetch(one + path)).status).toBe(200)
})

it('running answers are counted over all instances, and a takeover counts once', async () => {
  await using stage = await openLimited({ LOOM_LIMIT_TURNS: '1' })
  const [one, two] = [stage.instance(0), stage.instance(1)]
  const [id, messageId] = [randomUUID(), randomUUID()]
  await cast(one.url, id, 'steps: 1 hold', { headers: alice, messageId })
  const refused = await post(two.url, randomUUID(), 'steps: 1', { headers: alice })
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('1')
  // A repeated post, and a message in the queue, begin no answer.
  await cast(two.url, id, 'steps: 1 hold', { headers: alice, messageId })
  await cast(two.url, id, 'steps: 1', { headers: alice })
  await cast(two.url, randomUUID(), 'steps: 1', { headers: bob })
  await until(5000, 'the model holds the answer', () => stage.upstream.held === 1)
  await one.kill()
  await until(10_000, 'the takeover', () => stage.upstream.calls.at(-1)?.key === two.key)
  expect((await post(two.url, randomUUID(), 'steps: 1', { headers: alice })).status).toBe(429)
  stage.upstream.letGo()
  await untilIdle(two.url, id)
  // The entry of the killed instance stays until the end of its lease.
  const members = () => stage.redis.client.zcard('loom:limit:turns:{alice}')
  await until(10_000, 'only the entry of the killed instance', async () => (await members()) === 1)
  await stage.redis.client.del('loom:limit:turns:{alice}')
  await cast(two.url, randomUUID(), 'steps: 1', { headers: alice })
})

it('an entry of a dead instance ends with its lease, and a live one renews its own', async () => {
  await using redis = await startRedis()
  const client = new Redis(redis.url)
  onTestFinished(() => client.disconnect())
  const leaseMs = 600
  const [dead, live] = [redisSlots(client, 'x', leaseMs), redisSlots(client, 'x', leaseMs)]
  onTestFinished(() => live.close())
  expect(await dead.enter('ada', 'a', 2)).toBe(true)
  expect(await live.enter('ada', 'b', 2)).toBe(true)
  expect(await live.enter('ada', 'c', 2)).toBe(false)
  // It renews nothing any more.
  dead.close()
  await until(5000, 'a free place', () => live.enter('ada', 'd', 2))
  expect(await live.enter('ada', 'e', 2)).toBe(false)
  live.leave('ada', 'b')
  expect(await live.enter('ada', 'e', 2)).toBe(true)
})

it('open streams are counted, and a closed one is free again', async () => {
  await using stage = await openLimited({ LOOM_LIMIT_STREAMS: '1' })
  const [one, two] = [stage.instance(0), stage.instance(1)]
  const id = randomUUID()
  await cast(one.url, id, 'steps: 1 hold', { headers: alice })
  const leaving = new AbortController()
  const follow = (url: string, signal?: AbortSignal) =>
    fetch(`${url}/api/chat/${id}/stream`, {
      headers: { ...alice, accept: 'text/event-stream' },
      ...(signal && { signal }),
    })
  const open = await follow(one.url, leaving.signal)
  expect(open.status).toBe(200)
  const refused = await follow(two.url)
  expect([refused.status, await refused.text()]).toEqual([
    429,
    expect.stringContaining('1 streams'),
  ])
  // Other requests go on.
  expect((await fetch(`${two.url}/api/chat/${id}`, { headers: alice })).status).toBe(200)
  leaving.abort()
  stage.upstream.letGo()
  await until(5000, 'a stream may open', async () => {
    const response = await follow(two.url)
    await response.body?.cancel()
    return response.status !== 429
  })
})

it('the tokens of finished answers are counted, and the next message is refused', async () => {
  const usage = { prompt_tokens: 30, completion_tokens: 12 }
  const deltas = [{ delta: { content: 'Yes.' } }, { delta: {}, finish_reason: 'stop' }]
  const replyTo = () => ({ deltas, heldAt: undefined, usage })
  await using stage = await openLimited({ LOOM_LIMIT_TOKENS: '40/3600' }, { replyTo })
  const [one, two] = [stage.instance(0), stage.instance(1)]
  const id = randomUUID()
  await cast(one.url, id, 'Well?', { headers: alice })
  await untilIdle(two.url, id)
  let refused = await post(two.url, id, 'And?', { headers: alice })
  await until(5000, 'the refusal', async () => {
    if (refused.status !== 429) refused = await post(two.url, id, 'And?', { headers: alice })
    return refused.status === 429
  })
  expect(refused.headers.get('ratelimit-policy')).toBe('"tokens";q=40;w=3600;qu="tokens"')
  expect(refused.headers.get('ratelimit')).toMatch(/^"tokens";r=0;t=3[56]\d\d$/)
  expect((await post(two.url, randomUUID(), 'And?', { headers: bob })).status).toBe(202)
})

it('an erasure removes the counters of its subject or tenant, and lists them', async () => {
  const limits = {
    LOOM_LIMIT_REQUESTS: '100/3600',
    LOOM_LIMIT_TURNS: '5',
    LOOM_LIMIT_SESSIONS: '5',
    LOOM_AUTH: 'proxy',
    LOOM_PROXY_SCOPES_HEADER: 'x-scopes',
  }
  const options = { environment: limits, instances: 1 }
  await using stage = await openStage(options)
  const { url } = stage.instance(0)
  const { client } = stage.redis
  const as = (user: string, scopes = 'chat') => ({
    'x-forwarded-user': user,
    'x-scopes': scopes,
    accept: 'application/json',
  })
  const counters = async () => (await client.keys('loom:limit:*')).map((key) => key.slice(11))
  for (const user of ['ada', 'a*', 'bob']) {
    await cast(url, randomUUID(), 'steps: 1 hold', { headers: as(user) })
  }
  await until(5000, 'three answers', () => stage.upstream.held === 3)
  expect((await counters()).toSorted()).toEqual(
    ['ada', 'a*', 'bob'].flatMap((user) => [`requests:/${user}`, `turns:{/${user}}`]).toSorted(),
  )
  stage.upstream.letGo()
  const erase = async (body: object) => {
    const response = await fetch(`${url}/api/admin/erase`, {
      method: 'POST',
      headers: { ...as('root', 'admin'), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return response.json()
  }
  expect(await erase({ subject: 'a*', confirm: 'a*' })).toMatchObject({
    sessions: 1,
    counters: { requests: 1 },
    complete: true,
  })
  const left = await counters()
  expect(left.filter((key) => key.includes('a*'))).toEqual([])
  expect(left).toEqual(expect.arrayContaining(['requests:/ada', 'requests:/bob']))
  const whole = { tenant: '', confirm: 'everything' }
  expect(await erase(whole)).toMatchObject({ counters: { requests: 3 } })
  expect(await counters()).toEqual([])
})

it('sessions are counted over all instances, and a deletion makes room', async () => {
  await using stage = await openLimited({ LOOM_LIMIT_SESSIONS: '2' })
  const [one, two] = [stage.instance(0).url, stage.instance(1).url]
  const { client } = stage.redis
  const ids = Array.from({ length: 12 }, () => randomUUID())
  const begin = async (url: string, id: string, headers = alice) =>
    (await post(url, id, 'steps: 1', { headers })).status
  // All at once, at both instances.
  const statuses = await Promise.all(ids.map((id, at) => begin(at % 2 === 0 ? one : two, id)))
  expect(statuses.toSorted((a, b) => a - b)).toEqual([202, 202, ...Array<number>(10).fill(429)])
  const own = ids.filter((_, at) => statuses[at] === 202)
  const [first = '', second = ''] = own
  const refused = await post(two, randomUUID(), 'steps: 1', { headers: alice })
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([
    429,
    null,
    { error: { code: 'limited', message: expect.stringContaining('You may have 2 sessions.') } },
  ])
  // Its sessions go on, others have a limit of their own, and a fork is a session too.
  expect(await begin(two, first)).toBe(202)
  expect(await begin(one, randomUUID(), bob)).toBe(202)
  await untilIdle(one, first)
  const fork = (id: string) =>
    fetch(`${two}/api/chat/${id}/fork`, { method: 'POST', headers: alice, body: '{}' })
  expect((await fork(first)).status).toBe(429)
  await fetch(`${one}/api/chat/${first}`, { method: 'DELETE', headers: alice })
  await untilIdle(one, second)
  await until(5000, 'room for a fork', async () => (await fork(second)).status === 201)
  expect(await begin(one, randomUUID())).toBe(429)
  // A deletion whose note was lost: the session is missed when the next one is refused.
  const keys = await client.keys(`loom:{*${second}}:*`)
  await client.del(...keys)
  await until(15_000, 'room after the count', async () => (await begin(two, ids[0] ?? '')) === 202)
})

it('a message that another limit refuses keeps no place for a session', async () => {
  const limits = { LOOM_LIMIT_SESSIONS: '2', LOOM_LIMIT_TURNS: '1' }
  await using stage = await openLimited(limits, { instances: 1 })
  const { url } = stage.instance(0)
  const begin = async (id: string, text: string) =>
    (await post(url, id, text, { headers: alice })).status
  const first = randomUUID()
  expect(await begin(first, 'steps: 1, hold')).toBe(202)
  await until(10_000, 'the first answer', () => stage.upstream.held === 1)
  for (let more = 0; more < 3; more++) expect(await begin(randomUUID(), 'steps: 1')).toBe(429)
  stage.upstream.letGo()
  await untilIdle(url, first)
  await until(5000, 'the turn no longer counts', async () => {
    return (await begin(randomUUID(), 'steps: 1')) === 202
  })
})

it('stored bytes are counted over all instances, with the files', async () => {
  const files = await mkdtemp(join(tmpdir(), 'loom-files-'))
  onTestFinished(() => rm(files, { recursive: true }))
  const limits = { LOOM_LIMIT_BYTES: '30000', LOOM_FILES: files }
  await using stage = await openLimited(limits)
  const [one, two] = [stage.instance(0).url, stage.instance(1).url]
  const id = randomUUID()
  const send = (url: string, to: string, parts: UIMessage['parts']) =>
    fetch(`${url}/api/chat`, {
      method: 'POST',
      headers: { ...alice, 'content-type': 'application/json', prefer: 'respond-async' },
      body: JSON.stringify({ id: to, messages: [{ id: randomUUID(), role: 'user', parts }] }),
    })
  const text = (length: number): UIMessage['parts'] => [{ type: 'text', text: 'x'.repeat(length) }]
  const file = (length: number): UIMessage['parts'] => [
    {
      type: 'file',
      mediaType: 'image/png',
      url: `data:image/png;base64,${Buffer.alloc(length, 7).toString('base64')}`,
    },
  ]
  const stored = async () =>
    Number(await stage.redis.client.hget('loom:storage:{alice/}:bytes', '%bytes'))
  expect((await send(one, id, text(40_000))).status).toBe(429)
  expect((await send(one, id, file(15_000))).status).toBe(202)
  await until(5000, 'the size of the file', async () => (await stored()) > 15_000)
  const refused = await send(two, randomUUID(), text(15_000))
  expect([refused.status, await refused.text()]).toEqual([
    429,
    expect.stringContaining('may have 30000 bytes'),
  ])
  expect((await send(two, id, text(10_000))).status).toBe(202)
  await untilIdle(one, id)
  await fetch(`${two}/api/chat/${id}`, { method: 'DELETE', headers: alice })
  await until(5000, 'nothing stored', async () => (await stored()) === 0)
  expect((await send(one, randomUUID(), text(15_000))).status).toBe(202)
})

it('while Redis is away, each instance counts requests by itself', async () => {
  await using stage = await openLimited({ LOOM_LIMIT_REQUESTS: '3/60' }, { instances: 1 })
  const { url } = stage.instance(0)
  const list = async () => (await fetch(`${url}/api/agents`, { headers: alice })).status
  expect(await list()).toBe(200)
  await stage.redis.kill()
  const statuses = [await list(), await list(), await list(), await list()]
  expect(statuses).toEqual([200, 200, 200, 429])
})

it('a server in memory has the same limits', async () => {
  onTestFinished(endProcesses)
  const loom = startLoom({ LOOM_STORE: 'memory', LOOM_LIMIT_REQUESTS: '1/60' })
  const url = await addressOf(loom)
  const statuses = [await fetch(`${url}/api/agents`), await fetch(`${url}/api/agents`)]
  expect(statuses.map(({ status }) => status)).toEqual([200, 429])
  expect((await fetch(`${url}/`)).status).toBe(200)
})
