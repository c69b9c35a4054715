import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { TestBounds } from '../../src/entries/testing.ts'
import { openRedisStore } from '../../src/store/redis.ts'
import type { RunningCluster } from '../redis/cluster.ts'
import { startCluster } from '../redis/cluster.ts'
import { until } from '../redis/until.ts'
import { storeContract } from './contract.ts'
import { converse, letter } from './conversation.ts'
import { prefixSuite } from './prefix-suite.ts'

let cluster: RunningCluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster[Symbol.asyncDispose]())

// In order, because stores that reconnect after a restart give more hints than the tests expect.
describe('the store in a Redis cluster', { shuffle: false }, () => {
  // With compact messages. `redis.test.ts` tests the other form.
  const openCompact = async (bounds: TestBounds) => {
    const store = await openRedisStore({ url: cluster.url, rollbackMs: 0, ...bounds })
    await store.beat('compact', 3_600_000)
    return store
  }
  storeContract(openCompact, { runs: 15 })

  prefixSuite({
    open: (prefix) => openRedisStore({ url: cluster.url, prefix }),
    keys: async () =>
      (await Promise.all(cluster.nodes.map(({ client }) => client.keys('*')))).flat(),
  })

  it('spreads sessions over the nodes', async () => {
    const store = await openRedisStore({ url: cluster.url })
    const talks = Array.from({ length: 60 }, () => converse(store))
    await Promise.all(talks.map((talk) => talk.turn(letter('m1'))))
    const counts = await Promise.all(cluster.nodes.map(({ client }) => client.dbsize()))
    expect(counts.filter((count) => count > 50)).toHaveLength(3)
    await store.close()
  })

  it('works again, with its subscriptions, when a node returns', async () => {
    const store = await openRedisStore({ url: cluster.url, patienceMs: 15_000 })
    const talks = Array.from({ length: 12 }, () => converse(store))
    const sessions = new Set<string>()
    for (const { id } of talks) await store.watch(id, 'log', () => sessions.add(id))
    await cluster.nodes[1]?.restart()
    const replies = await Promise.all(talks.map((talk) => talk.post(letter('m1'))))
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set(['claimed']))
    // A hint comes over another connection than the reply to the post.
    await until(10_000, 'every session has a hint', async () => {
      sessions.clear()
      for (const talk of talks) await talk.post(letter(crypto.randomUUID()))
      const isEach = () => sessions.size === talks.length
      return until(200, 'hints', isEach).then(
        () => true,
        () => false,
      )
    })
    await store.close()
  })
})
