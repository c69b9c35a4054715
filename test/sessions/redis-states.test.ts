/** Servers on a Redis that refuses writes, drops keys, answers late, limits its user, or needs TLS. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

import { expect, it, onTestFinished } from 'vitest'

import { addressOf, startLoom } from '../loom-process.ts'
import { startProxy } from '../redis/proxy.ts'
import { type RunningRedis, startRedis } from '../redis/redis.ts'
import { freePort, localhost } from '../redis/server.ts'
import { until } from '../redis/until.ts'

const demo = { LOOM_MODEL: 'demo/echo', LOOM_REDIS_PATIENCE: '1500', LOOM_HEARTBEAT_MS: '1000' }

/** Starts a server that is killed at the end of the test. */
async function serve(environment: Record<string, string>) {
  const loom = startLoom({ ...demo, ...environment }, ['serve'])
  onTestFinished(async () => {
    loom.child.kill('SIGKILL')
    await loom.exited.catch(() => {})
  })
  const errors = () => loom.output().stderr
  return { url: await addressOf(loom), errors }
}

/** Returns the end of a server that does not start. */
async function refusalOf(environment: Record<string, string>) {
  const loom = startLoom({ ...demo, ...environment }, ['serve'])
  const code = await loom.exited
  return { code, line: loom.output().stderr }
}

async function say(url: string, id: string, message: string) {
  const response = await fetch(`${url}/api/chat?protocol=text`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id, message }),
  })
  return { status: response.status, text: await response.text() }
}

const ready = async (url: string) => (await fetch(`${url}/readyz`)).status

async function redisOf(args: readonly string[] = []): Promise<RunningRedis> {
  const redis = await startRedis(args)
  onTestFinished(() => redis[Symbol.asyncDispose]())
  return redis
}

it('a read-only Redis is read, refuses messages, and takes them again later', async () => {
  const redis = await redisOf()
  const { url, errors } = await serve({ REDIS_URL: redis.url })
  const id = randomUUID()
  expect(await say(url, id, 'one')).toEqual({ status: 200, text: 'one' })
  await redis.client.call('replicaof', localhost, '1')
  await until(20_000, 'not ready', async () => (await ready(url)) === 503)
  const refused = await say(url, id, 'two')
  expect(refused).toEqual({ status: 503, text: expect.stringMatching(/^Redis is read-only: /) })
  await until(20_000, 'the history is read', async () => {
    const history = await fetch(`${url}/api/chat/${id}/messages`)
    return history.status === 200 && JSON.stringify(await history.json()).includes('one')
  })
  expect(errors()).toMatch(/^loom: unavailable: Redis is read-only.*READONLY/m)
  expect(errors()).not.toMatch(/Redis is back|Warning/)
  await redis.client.call('replicaof', 'no', 'one')
  await until(20_000, 'ready again', async () => (await ready(url)) === 200)
  expect(await say(url, id, 'three')).toEqual({ status: 200, text: 'three' })
  await until(20_000, 'the return is logged', () => errors().includes('Redis is back after'))
})

it('a Redis that is full at the start ends the server with its reply', async () => {
  const redis = await redisOf()
  await redis.client.config('SET', 'maxmemory', '1')
  const { code, line } = await refusalOf({ REDIS_URL: redis.url })
  expect(code).toBe(3)
  expect(line).toMatch(/^loom: Redis refuses the first request of Loom: OOM .*takes writes\.\n$/)
})

it('a full Redis lets sessions be deleted, and the log says each time when it takes writes again', async () => {
  const redis = await redisOf()
  const { url, errors } = await serve({ REDIS_URL: redis.url })
  const ids = [randomUUID(), randomUUID()]
  for (const id of ids) await say(url, id, 'one')
  const returns = () => errors().match(/Redis is back after \d+ s\./g)?.length ?? 0
  for (const id of ids) {
    await redis.client.config('SET', 'maxmemory', '1')
    expect((await say(url, id, 'two')).status).toBe(503)
    expect((await fetch(`${url}/api/chat/${id}`, { method: 'DELETE' })).status).toBe(204)
    const before = returns()
    await redis.client.config('SET', 'maxmemory', '0')
    await until(20_000, 'the return is logged', () => returns() > before)
  }
  expect(errors().match(/unavailable: Redis refuses/g)?.length).toBeGreaterThan(1)
})

it('a Redis that drops keys gets a warning, and a dropped session begins anew', async () => {
  const redis = await redisOf(['--maxmemory-policy', 'allkeys-lru'])
  const { url, errors } = await serve({ REDIS_URL: redis.url })
  expect(errors()).toContain('set maxmemory-policy noeviction')
  const id = randomUUID()
  await say(url, id, 'one')
  // Redis drops whole keys, in any order.
  await redis.client.del(...(await redis.client.keys(`loom:{${id}}:*`)))
  expect(await say(url, id, 'two')).toEqual({ status: 200, text: 'two' })
})

it('a session whose messages Redis dropped says so, and begins anew after a deletion', async () => {
  const redis = await redisOf(['--maxmemory-policy', 'allkeys-lru'])
  const { url } = await serve({ REDIS_URL: redis.url })
  const id = randomUUID()
  await say(url, id, 'one')
  await redis.client.del(`loom:{${id}}:messages`)
  const text = expect.stringContaining('A part of this session is not in Redis any more. Delete')
  const read = await fetch(`${url}/api/chat/${id}/messages`)
  expect([read.status, await read.text()]).toEqual([410, text])
  // A plain text has no form for an error, so its stream would break.
  const next = await fetch(`${url}/api/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id, message: 'two' }),
  })
  expect(await next.text()).toEqual(text)
  expect((await fetch(`${url}/api/chat/${id}`, { method: 'DELETE' })).status).toBe(204)
  expect(await say(url, id, 'three')).toEqual({ status: 200, text: 'three' })
})

it('a key of a wrong type fails its session with one line, and no other', async () => {
  const redis = await redisOf()
  const { url, errors } = await serve({ REDIS_URL: redis.url })
  const wrong = randomUUID()
  await redis.client.set(`loom:{${wrong}}:session`, 'text')
  expect(await say(url, wrong, 'one')).toEqual({
    status: 500,
    text: 'Something went wrong in the server.',
  })
  expect(errors()).toMatch(/^loom: internal: .*WRONGTYPE/m)
  expect(errors()).toContain(`loom:{${wrong}}:session`)
  expect(await redis.client.get(`loom:{${wrong}}:session`)).toBe('text')
  expect(await say(url, randomUUID(), 'two')).toEqual({ status: 200, text: 'two' })
})

it('a Redis that answers 150 ms late delays answers, and takes over none', async () => {
  const redis = await redisOf()
  const proxies = await Promise.all([startProxy(redis.port), startProxy(redis.port)])
  onTestFinished(async () => {
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
  })
  const servers = await Promise.all(proxies.map(({ url }) => serve({ REDIS_URL: url })))
  for (const proxy of proxies) proxy.slow(150)
  const talks = servers.flatMap(({ url }) =>
    Array.from({ length: 10 }, async (_, index) => {
      const id = randomUUID()
      expect(await say(url, id, `message ${index}`)).toEqual({
        status: 200,
        text: `message ${index}`,
      })
      const state: unknown = await (await fetch(`${url}/api/chat/${id}`)).json()
      expect(state).toMatchObject({ state: 'idle' })
    }),
  )
  await Promise.all(talks)
  for (const { url, errors } of servers) {
    expect(await ready(url)).toBe(200)
    expect(errors()).toBe('')
  }
})

/** The ACL rules that the documentation names. */
const rules = (names: string) => [
  `~${names}`,
  `&${names}`,
  '+@all',
  '-@admin',
  '-@dangerous',
  '+info',
]

it('a user who may only use the prefix is enough', async () => {
  const redis = await redisOf()
  await redis.client.call('acl', 'setuser', 'loom', 'on', '>secret', ...rules('shop:loom:*'))
  const REDIS_URL = redis.url.replace('//', '//loom:secret@')
  const own = { REDIS_URL, LOOM_REDIS_PREFIX: 'shop' }
  const servers = [await serve(own), await serve(own)]
  const id = randomUUID()
  for (const { url } of servers) {
    expect(await say(url, id, 'hello')).toEqual({ status: 200, text: 'hello' })
  }
  const [{ url } = { url: '' }] = servers
  const body = JSON.stringify({ id: 's', message: 'wake', after: 60_000 })
  const headers = { 'content-type': 'application/json' }
  const path = `${url}/api/chat/${id}`
  expect((await fetch(`${path}/schedules`, { method: 'POST', headers, body })).status).toBe(201)
  expect((await fetch(`${path}/fork`, { method: 'POST', headers, body: '{}' })).status).toBe(201)
  expect((await fetch(`${url}/api/chat`)).status).toBe(200)
  expect((await fetch(path, { method: 'DELETE' })).status).toBe(204)
  expect(servers.map(({ errors }) => errors())).toEqual(['', ''])
  const { code, line } = await refusalOf({ ...own, LOOM_REDIS_PREFIX: 'other' })
  expect([code, line]).toEqual([3, expect.stringContaining('the keys ~other:loom:*')])
})

it.each([
  ['its keys', ['~other:*', '&*', '+@all'], /NOPERM .*keys/],
  ['its channels', ['~*', '&other:*', '+@all'], /NOPERM .*channels/],
  ['scripts', ['~*', '&*', '+@all', '-@scripting'], /NOPERM .*'eval'/],
])('a user without %s ends the server with the missing rule', async (_, given, reason) => {
  const redis = await redisOf()
  await redis.client.call('acl', 'setuser', 'loom', 'on', '>secret', ...given)
  const REDIS_URL = redis.url.replace('//', '//loom:secret@')
  const { code, line } = await refusalOf({ REDIS_URL })
  expect([code, line]).toEqual([3, expect.stringMatching(reason)])
  expect(line).toContain(rules('loom:*').slice(0, 1).join())
  expect(line).not.toContain('secret')
})

it('a Redis with TLS needs a certificate that the server trusts', async () => {
  const folder = join(import.meta.dirname, '../redis/tls')
  const certificate = join(folder, 'certificate.pem')
  const tls = ['--tls-cert-file', certificate, '--tls-key-file', join(folder, 'key.pem')]
  const port = String(await freePort())
  await redisOf([...tls, '--tls-port', port, '--tls-auth-clients', 'no'])
  const REDIS_URL = `rediss://${localhost}:${port}`
  const { url } = await serve({ REDIS_URL, NODE_EXTRA_CA_CERTS: certificate })
  expect(await say(url, randomUUID(), 'hello')).toEqual({ status: 200, text: 'hello' })
  const { code, line } = await refusalOf({ REDIS_URL, NODE_EXTRA_CA_CERTS: '' })
  expect([code, line]).toEqual([3, expect.stringMatching(/certificate/)])
  const plain = await refusalOf({ REDIS_URL: `redis://${localhost}:${port}` })
  expect([plain.code, plain.line]).toEqual([3, expect.stringContaining('rediss://')])
})
