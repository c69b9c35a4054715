/** A Redis that is away, frozen, full, too old, or of another kind than the URL names. */
import { once } from 'node:events'
import { createServer } from 'node:net'

import { describe, expect, it } from 'vitest'

import { openRedisStore } from '../../src/store/redis.ts'
import type { RedisStoreOptions, StoreNotice } from '../../src/store/redis.ts'
import { within } from '../deadline.ts'
import { startRedis } from '../redis/redis.ts'
import { freePort, localhost, portOf } from '../redis/server.ts'
import { converse, letter } from './conversation.ts'

const durable = ['--appendonly', 'yes']

/** Opens a store that is closed at the end of the test. */
async function open(options: RedisStoreOptions) {
  const store = await openRedisStore(options)
  return { store, [Symbol.asyncDispose]: () => store.close() }
}

/** Returns the errors of calls that must all fail within this time. */
function endsOf(ms: number, calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  return Promise.all(
    calls.map((call) =>
      within(ms, 'the end of a call', call).then(
        () => 'done',
        (reason: unknown) => reason,
      ),
    ),
  )
}

/** A server that claims to be this Redis. */
async function pretend(info: string) {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      for (const [, name = ''] of bytes.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        const isInfo = name.toLowerCase() === 'info'
        socket.write(isInfo ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n')
      }
    })
  }).listen(0, localhost)
  await once(server, 'listening')
  return {
    url: `redis://${localhost}:${portOf(server)}`,
    [Symbol.dispose]: () => void server.close(),
  }
}

describe('a Redis that is lost', () => {
  it('delays calls, which succeed when it returns', async () => {
    await using redis = await startRedis(durable)
    await using opened = await open({ url: redis.url, patienceMs: 10_000 })
    const talk = converse(opened.store)
    const claim = await talk.claim(letter('m1'))
    await redis.kill()
    const calls = Promise.all([
      talk.append(claim, 1),
      talk.post(letter('m2')),
      opened.store.watch(talk.id, 'log', () => {}),
    ])
    await redis.restart()
    const [append, post] = await within(9000, 'the calls', calls)
    expect(append).toMatchObject({ status: 'appended' })
    expect(post).toMatchObject({ status: 'queued' })
    expect(await talk.finish(claim)).toMatchObject({ next: { letter: letter('m2') } })
  })

  it('fails calls after the patience of the store', async () => {
    await using redis = await startRedis(durable)
    await using opened = await open({ url: redis.url, patienceMs: 200 })
    const { store } = opened
    const talk = converse(store)
    const claim = await talk.claim(letter('m1'))
    await redis.kill()
    const calls = [
      talk.append(claim, 1),
      talk.post(letter('m2')),
      talk.finish(claim),
      store.session(talk.id),
      store.watch(talk.id, 'log', () => {}),
      store.beat('one', 1000),
      store.noted('one'),
    ]
    const refusal = { code: 'unavailable', status: 503, retryable: true, retryAfterMs: 1000 }
    expect(await endsOf(1000, calls)).toMatchObject(calls.map(() => refusal))
    await redis.restart()
    await expect
      .poll(() => store.session(talk.id).catch(() => 'away'), { interval: 20 })
      .toMatchObject({ state: 'running' })
    expect(await talk.append(claim, 1)).toMatchObject({ status: 'appended' })
  })

  it('fails calls while frozen, and serves them again later', async () => {
    await using redis = await startRedis(durable)
    await using opened = await open({ url: redis.url, patienceMs: 300 })
    const talk = converse(opened.store)
    const claim = await talk.claim(letter('m1'))
    redis.freeze()
    const calls = [talk.append(claim, 1), talk.post(letter('m2'))]
    expect(await endsOf(10_000, calls)).toMatchObject(calls.map(() => ({ code: 'unavailable' })))
    redis.thaw()
    // Redis may run now the calls that it received before it froze, but never twice.
    await expect
      .poll(
        () =>
          talk.append(claim, 1).then(
            ({ status }) => status,
            () => 'away',
          ),
        { interval: 20 },
      )
      .toMatch(/present|appended/)
    await talk.post(letter('m2'))
    expect(await talk.queue()).toEqual(['m2'])
    const page = await opened.store.readLog(talk.id, 're-m1', undefined, 10)
    expect(page?.entries).toHaveLength(2)
  })

  it('refuses a write at once when it is full', async () => {
    await using redis = await startRedis()
    await using opened = await open({ url: redis.url, patienceMs: 20_000 })
    const talk = converse(opened.store)
    const claim = await talk.claim(letter('m1'))
    const other = converse(opened.store)
    await other.turn(letter('n1'))
    await redis.client.config('SET', 'maxmemory', '1mb')
    const calls = [talk.append(claim, 1), talk.post(letter('m2')), talk.finish(claim)]
    // The reply of Redis is for the log. Clients read the message.
    const refusal = {
      code: 'unavailable',
      message: expect.not.stringContaining('OOM'),
      cause: { message: expect.stringContaining('OOM') },
    }
    expect(await endsOf(10_000, calls)).toMatchObject(calls.map(() => refusal))
    // The refused write left no data.
    expect(await talk.queue()).toEqual([])
    expect(await opened.store.session(talk.id)).toMatchObject({ state: 'running' })
    expect(await opened.store.remove(other.id, { tenant: '' })).toBe(true)
    await redis.client.config('SET', 'maxmemory', '0')
    expect(await talk.append(claim, 1)).toMatchObject({ status: 'appended' })
  })
})

describe('the opening of a Redis store', () => {
  it('waits for a Redis that is still starting', async () => {
    await using redis = await startRedis()
    await redis.kill()
    const opening = openRedisStore({ url: redis.url, patienceMs: 10_000 })
    await redis.restart()
    const store = await within(9000, 'the store', opening)
    expect(await store.session('s1')).toBeUndefined()
    await store.close()
  })

  it('fails if no Redis answers', async () => {
    const url = `redis://user:secret@${localhost}:${await freePort()}`
    const notices: StoreNotice[] = []
    const report = (notice: StoreNotice) => void notices.push(notice)
    const opening = openRedisStore({ url, patienceMs: 100, report })
    const error = await opening.catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/cannot be reached.*ECONNREFUSED/),
    })
    expect(String(error)).not.toContain('secret')
    expect(notices[0]).toMatchObject({ type: 'connection-error' })
  })

  it('fails at once with a wrong password', async () => {
    await using redis = await startRedis(['--requirepass', 'right'])
    const url = (password: string) => redis.url.replace('//', `//:${password}@`)
    const opening = openRedisStore({ url: url('wrong'), patienceMs: 20_000 })
    await expect(within(2000, 'a refusal', opening)).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('WRONGPASS'),
    })
    const store = await openRedisStore({ url: url('right') })
    expect(await store.session('s1')).toBeUndefined()
    await store.close()
  })

  it('refuses a database that does not exist', async () => {
    await using redis = await startRedis()
    const opening = openRedisStore({ url: `${redis.url}/99`, patienceMs: 20_000 })
    await expect(within(2000, 'a refusal', opening)).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('DB index is out of range'),
    })
  })

  it('refuses a Redis that is too old', async () => {
    using old = await pretend('redis_version:6.2.14\r\nredis_mode:standalone\r\n')
    await expect(openRedisStore({ url: old.url, patienceMs: 2000 })).rejects.toMatchObject({
      code: 'invalid-config',
      message: 'Redis 6.2.14 is too old: 7.0 is needed',
    })
  })

  it('refuses a server of another kind than the URL names', async () => {
    await using single = await startRedis()
    await using node = await startRedis(['--cluster-enabled', 'yes'])
    const openings = [
      openRedisStore({ url: single.url.replace('redis:', 'redis+cluster:'), patienceMs: 5000 }),
      openRedisStore({ url: node.url, patienceMs: 5000 }),
    ]
    const refusal = { code: 'invalid-config', message: expect.stringMatching(/cluster/) }
    expect(await endsOf(4000, openings)).toMatchObject([refusal, refusal])
  })

  it('warns of a Redis that evicts keys, and of one that does not say whether it does', async () => {
    await using redis = await startRedis(['--maxmemory-policy', 'allkeys-lru'])
    const warnings: string[] = []
    const report = (notice: StoreNotice) => {
      if (notice.type === 'warning') warnings.push(notice.message)
    }
    const first = await openRedisStore({ url: redis.url, report })
    expect(warnings).toEqual([expect.stringContaining('maxmemory-policy allkeys-lru')])
    await redis.client.call('acl', 'setuser', 'loom', 'on', '>pw', '~*', '&*', '+@all', '-info')
    const url = redis.url.replace('//', '//loom:pw@')
    const second = await openRedisStore({ url, report })
    expect(warnings.slice(1)).toEqual([expect.stringMatching(/refuses INFO.*\+info/)])
    await Promise.all([first.close(), second.close()])
  })
})
