import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { openRedisStore } from '../../src/store/redis.ts'
import type { RunningCluster } from '../redis/cluster.ts'
import { startCluster } from '../redis/cluster.ts'
import { storeContract } from './contract.ts'
import { converse, letter } from './conversation.ts'

let cluster: RunningCluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster[Symbol.asyncDispose]())

describe('the store in a Redis cluster', () => {
  storeContract((bounds) => openRedisStore({ url: cluster.url, ...bounds }), { runs: 15 })

  it('spreads sessions over the nodes', async () => {
    const store = await openRedisStore({ url: cluster.url })
    const talks = Array.from({ length: 60 }, () => converse(store))
    await Promise.all(talks.map((talk) => talk.turn(letter('m1'))))
    const counts = await Promise.all(cluster.nodes.map(({ client }) => client.dbsize()))
    expect(counts.filter((count) => count > 50)).toHaveLength(3)
    await store.close()
  })

  it('goes on when a node comes back, and its subscriptions with it', async () => {
    const store = await openRedisStore({ url: cluster.url, patienceMs: 15_000 })
    const talks = Array.from({ length: 12 }, () => converse(store))
    const hints = new Map<string, number>()
    for (const { id } of talks) {
      await store.watch(id, 'log', () => hints.set(id, (hints.get(id) ?? 0) + 1))
    }
    await cluster.nodes[1]?.restart()
    const replies = await Promise.all(talks.map((talk) => talk.post(letter('m1'))))
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set(['claimed']))
    await expect
      .poll(
        async () => {
          hints.clear()
          for (const talk of talks) await talk.post(letter(crypto.randomUUID()))
          return hints.size
        },
        { interval: 100, timeout: 10_000 },
      )
      .toBe(talks.length)
    await store.close()
  })
})
