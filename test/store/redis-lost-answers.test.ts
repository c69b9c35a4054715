/** Commands whose answer is lost on the way, and what a store then does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Store } from '../../src/store.ts'
import { openRedisStore } from '../../src/store/redis.ts'
import { startProxy } from '../redis/proxy.ts'
import type { RedisProxy } from '../redis/proxy.ts'
import { startRedis } from '../redis/redis.ts'
import type { RunningRedis } from '../redis/redis.ts'
import { converse, entry, letter, postOptions, said } from './conversation.ts'

const moments = ['before it is carried out', 'before its answer'] as const

describe.each(moments)('a connection that breaks after a command was sent, %s', (moment) => {
  let redis: RunningRedis
  let proxy: RedisProxy
  let store: Store
  beforeAll(async () => {
    redis = await startRedis()
    proxy = await startProxy(redis.port)
    store = await openRedisStore({ url: proxy.url, patienceMs: 5000 })
  })
  afterAll(async () => {
    await store.close()
    await proxy[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
  })

  /** Makes the call whose command carries the text, over a connection that breaks. */
  async function broken<REPLY>(text: string, call: () => Promise<REPLY>): Promise<REPLY> {
    const before = proxy.cuts()
    proxy.cut(text, moment)
    const reply = await call()
    expect(proxy.cuts()).toBe(before + 1)
    return reply
  }

  it('changes nothing of what a call does and answers', async () => {
    const talk = converse(store)
    const at = { sessionId: talk.id, instance: 'one' }
    const post = (id: string, options = {}) =>
      broken(`post-${id}`, () => talk.post(letter(id), { nonce: `post-${id}`, ...options }))
    const first = await post('m1')
    if (first.status !== 'claimed') throw new Error(first.status)
    const { claim } = first.claim
    expect(await post('m2')).toEqual({ status: 'queued', position: 0, steered: false })
    expect(await post('s1', { whenBusy: 'steer' })).toMatchObject({ steered: true })
    expect(await post('m3')).toEqual({ status: 'queued', position: 2, steered: false })
    // A server that does not know the script yet answers that first.
    await talk.append({ ...first.claim, claim: 1 }, 1)
    const appended = await broken(`${claim}-1`, () => talk.append(first.claim, 1))
    // Sent twice: what was there already says so.
    expect(appended).toEqual({
      status: moment === 'before its answer' ? 'present' : 'appended',
      steer: true,
    })
    const steered = await broken('nonce-take', () =>
      store.takeSteered({ ...at, claim, nonce: 'nonce-take' }),
    )
    expect(steered).toEqual([letter('s1')])
    const withdrawn = await broken('nonce-withdraw', () =>
      store.withdraw(talk.id, 'm3', { nonce: 'nonce-withdraw', tenant: '' }),
    )
    expect(withdrawn).toBe(true)
    const stopped = await broken('nonce-stop', () =>
      store.requestStop(talk.id, { nonce: 'nonce-stop', tenant: '' }),
    )
    expect(stopped).toBe(true)
    const successor = await broken('nonce-over', () =>
      store.takeOver(talk.id, claim, { nonce: 'nonce-over', instance: 'two', handOver: false }),
    )
    expect(successor).toMatchObject({ stop: 'keep', takeovers: [expect.any(Number)] })
    if (successor === undefined) throw new Error('nothing was taken over')
    const second = await broken('nonce-finish', () =>
      talk.finish(successor, { nonce: 'nonce-finish', state: 'waiting' }),
    )
    expect(second).toMatchObject({ status: 'done', next: { letter: letter('m2') } })
    const settledClaim = second.status === 'done' ? (second.next?.claim ?? 0) : 0
    const settled = await broken('nonce-settle', () =>
      store.settleAbandoned(
        { sessionId: talk.id, claim: settledClaim, logId: 're-m1', nonce: 'nonce-settle' },
        { message: said('re-m1', 'assistant'), logTtlMs: 60_000 },
      ),
    )
    expect(settled).toBe('done')
    expect(await talk.history()).toEqual(['m1', 's1', 're-m1', 'm2'])
    const page = await store.readLog(talk.id, 're-m1', undefined, 10)
    expect(page?.entries).toEqual([
      { id: `${claim}-0`, events: [] },
      entry(claim, 1),
      { id: successor.lastId, events: [] },
    ])
    const copy = converse(store)
    const forked = await broken('nonce-fork', () =>
      store.fork(talk.id, { newId: copy.id, tenant: '', nonce: 'nonce-fork' }),
    )
    expect(forked).toBe(true)
    expect(await copy.history()).toEqual(['m1', 's1', 're-m1', 'm2'])
    const removed = await broken('nonce-remove', () =>
      store.remove(talk.id, { tenant: '', nonce: 'nonce-remove' }),
    )
    expect(removed).toBe(true)
  })

  it('tears no call down that shares the connection', async () => {
    const talks = Array.from({ length: 40 }, () => converse(store))
    proxy.cut(talks[20]?.id ?? '', moment)
    const replies = await Promise.all(talks.map((talk) => talk.post(letter('m1'))))
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set(['claimed']))
    const claims = replies.flatMap((reply) => (reply.status === 'claimed' ? [reply.claim] : []))
    proxy.cut(`${claims[20]?.claim}-1`, moment)
    await Promise.all(claims.map((claim) => converse(store, claim.sessionId).append(claim, 1)))
    for (const [at, talk] of talks.entries()) {
      const page = await store.readLog(talk.id, 're-m1', undefined, 10)
      const claim = claims[at]?.claim ?? 0
      expect(page?.entries).toEqual([{ id: `${claim}-0`, events: [] }, entry(claim, 1)])
    }
  })

  it('brings every subscription back, and a hint with it', async () => {
    const talk = converse(store)
    const hints: string[] = []
    await store.watch(talk.id, 'log', () => hints.push('log'))
    await redis.client.call('client', 'kill', 'type', 'pubsub')
    await expect.poll(() => hints, { interval: 5 }).toEqual(['log'])
    await talk.post(letter('m1'), postOptions())
    await expect.poll(() => hints.length, { interval: 5 }).toBeGreaterThan(1)
  })
})
