import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { openRedisStore } from '../../src/store/redis.ts'
import { within } from '../deadline.ts'
import type { RunningSentinel } from '../redis/sentinel.ts'
import { startSentinel } from '../redis/sentinel.ts'
import { freePort, localhost } from '../redis/server.ts'
import { storeContract } from './contract.ts'
import { converse, entry, letter } from './conversation.ts'

let redis: RunningSentinel
beforeAll(async () => {
  redis = await startSentinel()
})
afterAll(() => redis[Symbol.asyncDispose]())

// In order, because stores that reconnect after the failover give more hints than the tests expect.
describe('the store behind sentinels', { shuffle: false }, () => {
  storeContract((bounds) => openRedisStore({ url: redis.url, ...bounds }), { runs: 15 })

  it('finds the entries that a failover lost', async () => {
    const store = await openRedisStore({ url: redis.url, patienceMs: 20_000 })
    const talk = converse(store)
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    await redis.master.client.wait(1, 5000)
    // The replica gets no more data of the master, and is not yet the master itself.
    await redis.replica.client.call('replicaof', localhost, await freePort())
    for (const seq of [2, 3]) await talk.append(claim, seq)
    const hints: string[] = []
    await store.watch(talk.id, 'log', () => hints.push('log'))
    await redis.master.kill()
    const appending = talk.append(claim, 4)
    await redis.failedOver()
    expect(await within(15_000, 'the append', appending)).toEqual({
      status: 'behind',
      lastId: `${claim.claim}-1`,
    })
    for (const seq of [2, 3, 4]) {
      expect(await talk.append(claim, seq)).toMatchObject({ status: 'appended' })
    }
    const page = await store.readLog(talk.id, 're-m1', claim.lastId, 10)
    expect(page?.entries).toEqual([1, 2, 3, 4].map((seq) => entry(claim.claim, seq)))
    await expect.poll(() => hints.length, { interval: 10 }).toBeGreaterThan(0)
    const successor = await store.takeOver(talk.id, claim.claim, {
      instance: 'two',
      handOver: false,
    })
    expect(successor?.claim).toBeGreaterThan(claim.claim)
    await store.close()
  })
})
