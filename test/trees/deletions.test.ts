/** Deletions of trees whose server ends meanwhile: another server completes them. */
import { randomUUID } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { sessionKey } from '../../src/store/redis/keys.ts'
import { until } from '../redis/until.ts'
import { cast, stateOf } from '../sessions/tab.ts'
import { remains } from './endings.ts'
import { type Forest, openForest, tasksOf } from './forest.ts'
import { promptOf } from './plan.ts'

const count = 60

let forest: Forest
beforeAll(async () => {
  forest = await openForest({ instances: 2, paceMs: 2 })
})
afterAll(() => forest[Symbol.asyncDispose]())

describe('a deletion of a tree', () => {
  for (const end of ['killed', 'told to go'] as const) {
    it(`is completed by another server if its own is ${end}`, async () => {
      const { stage } = forest
      const id = randomUUID()
      const later = Array.from({ length: count }, (_, index) => ({
        tool: 'later',
        plan: { id: `${id}-${index}`, steps: [[{ tool: 'human', input: { question: 'Now?' } }]] },
      }))
      await cast(stage.instance(0).url, id, promptOf({ id, steps: [later] }))
      const other = stage.instance(1).url
      await until(40_000, 'all tasks wait', async () => {
        const tasks = await tasksOf(other, id).catch(() => [])
        return tasks.filter(({ state }) => state === 'waiting').length === count
      })
      await until(20_000, 'the root is idle', async () => (await stateOf(other, id)) === 'idle')
      const reply = fetch(`${stage.instance(0).url}/api/chat/${id}`, { method: 'DELETE' }).then(
        ({ status }) => status,
        () => undefined,
      )
      await until(10_000, 'the deletion has begun', async () => {
        return (await stage.redis.client.hget(sessionKey(id), 'state')) === 'deleted'
      })
      if (end === 'killed') await stage.instance(0).kill()
      else await stage.instance(0).terminate().gone
      const status = await reply
      // A server that goes completes the requests that it has accepted.
      if (end === 'told to go') expect(status).toBe(204)
      await until(20_000, 'the keys of the tree are gone', async () => {
        return (await remains(forest, id)).length === 0
      })
      await stage.start(0)
    })
  }
})
