/** Background tasks, stops and deletions of trees on real servers. Some servers die. */
import { randomUUID } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { fieldOf } from '../../src/ground/fields.ts'
import { until } from '../redis/until.ts'
import { chance } from '../sessions/random.ts'
import { cast, messagesOf, stateOf } from '../sessions/tab.ts'
import { endings, growAndEnd, remains } from './endings.ts'
import { type Forest, openForest, tasksOf } from './forest.ts'
import { promptOf } from './plan.ts'

let forest: Forest
beforeAll(async () => {
  forest = await openForest({ instances: 2, paceMs: 2 })
})
afterAll(() => forest[Symbol.asyncDispose]())

const urlOf = (index: number) => forest.stage.instance(index).url

describe('100 background tasks of a session', () => {
  it('deliver each result once, although a server dies', async () => {
    const chatId = randomUUID()
    const later = Array.from({ length: 100 }, (_, index) => ({
      tool: 'later',
      plan: { id: `${chatId}-${index}`, steps: [[{ tool: 'safe' }]] },
    }))
    await cast(urlOf(0), chatId, promptOf({ id: chatId, steps: [later] }))
    const finished = async () =>
      (await tasksOf(urlOf(1), chatId).catch(() => [])).filter(({ state }) => state === 'finished')
    await until(30_000, 'some tasks have ended', async () => (await finished()).length > 20)
    await forest.stage.instance(0).kill()
    await forest.stage.start(0)
    await until(60_000, 'all tasks have ended', async () => (await finished()).length === 100)
    const resultsIn = async () =>
      (await messagesOf(urlOf(1), chatId)).flatMap(({ metadata }) => {
        const id = fieldOf(fieldOf(metadata, 'task'), 'id')
        return id === undefined ? [] : [id]
      })
    await until(30_000, 'all results are there', async () => {
      return (await resultsIn()).length >= 100 && (await stateOf(urlOf(1), chatId)) === 'idle'
    })
    const ids = (await tasksOf(urlOf(1), chatId)).map(({ id }) => id)
    expect((await resultsIn()).map(String).toSorted()).toEqual(ids.toSorted())
  })
})

describe('stops and deletions of trees with timers, at random moments', () => {
  // A longer run by hand: `TREE_ENDS=54 npx vitest run test/trees/background.test.ts`.
  const count = Number(process.env['TREE_ENDS'] ?? 6)

  it('leave no task that runs, no timer and no key', { timeout: count * 15_000 }, async () => {
    const { seed, below } = chance()
    process.stdout.write(`seed ${seed}\n`)
    for (let from = 0; from < count; from += 6) {
      const label = `seed ${seed}, trees from ${from}`
      const trees = endings.map((ending) => ({ id: randomUUID(), ending }))
      await Promise.all(trees.map((tree) => growAndEnd(forest, { ...tree, below, label })))
      for (const { id } of trees) {
        await until(20_000, `${label}: nothing is left of ${id}`, async () => {
          return (await remains(forest, id)).length === 0
        }).catch(async () => expect(await remains(forest, id), label).toEqual([]))
      }
    }
    await forest.stage.upstream.quiet()
    for (const index of [0, 1]) {
      expect(forest.stage.instance(index).errors()).not.toMatch(/is lost|was deleted/)
    }
  })
})
