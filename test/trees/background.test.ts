/** Background tasks, stops and deletions of trees on real servers. Some servers die. */
import { randomUUID } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { fieldOf } from '../../src/ground/fields.ts'
import { until } from '../redis/until.ts'
import { chance } from '../sessions/random.ts'
import { cast, messagesOf, stateOf } from '../sessions/tab.ts'
import { type Forest, openForest, tasksOf, threeLevels } from './forest.ts'
import { promptOf } from './plan.ts'

let forest: Forest
beforeAll(async () => {
  forest = await openForest({ instances: 2, paceMs: 2 })
})
afterAll(() => forest[Symbol.asyncDispose]())

const urlOf = (index: number) => forest.stage.instance(index).url

/** The keys of a tree that stay for more than an hour, without the marks of deleted sessions. */
async function lastingKeys(chatId: string): Promise<string[]> {
  const { client } = forest.stage.redis
  const lasting: string[] = []
  for (const key of await client.keys(`*${chatId}*`)) {
    const lifeMs = await client.pttl(key)
    const isMark =
      lifeMs > 0 && key.endsWith(':session') && (await client.hget(key, 'state')) === 'deleted'
    if (!isMark && (lifeMs === -1 || lifeMs > 3_600_000)) lasting.push(key)
  }
  return lasting
}

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

describe('a stop and a deletion of a tree at a random moment', () => {
  it('leave no task that runs, and no key', async () => {
    const { seed, below } = chance()
    const ids = Array.from({ length: 6 }, () => randomUUID())
    for (const [index, id] of ids.entries()) {
      await cast(urlOf(index % 2), id, promptOf(threeLevels(id)))
    }
    const label = `seed ${seed}`
    process.stdout.write(`${label}\n`)
    await Promise.all(
      ids.map(async (id, index) => {
        const calls = below(12)
        await until(20_000, `${label}: the moment`, () => {
          return forest.calls.filter(({ planId }) => planId.startsWith(id)).length >= calls
        })
        const path = `${urlOf(below(2))}/api/chat/${id}`
        const response =
          index % 2 === 0
            ? await fetch(path, { method: 'DELETE' })
            : await fetch(`${path}/stop${index % 3 === 0 ? '?tree=1' : ''}`, { method: 'POST' })
        expect(response.ok, label).toBe(true)
        await response.text()
      }),
    )
    for (const [index, id] of ids.entries()) {
      if (index % 2 === 0) continue
      await until(20_000, `${label}: nothing runs`, async () => {
        const tasks = await tasksOf(urlOf(0), id)
        const isOver = tasks.every(({ state }) => ['finished', 'failed', 'stopped'].includes(state))
        return isOver && (await stateOf(urlOf(0), id)) === 'idle'
      })
      const gone = await fetch(`${urlOf(1)}/api/chat/${id}`, { method: 'DELETE' })
      expect(gone.ok).toBe(true)
    }
    for (const id of ids) {
      await until(20_000, `${label}: no key is left`, async () => {
        return (await lastingKeys(id)).length === 0
      }).catch(async () => expect(await lastingKeys(id), label).toEqual([]))
    }
    await forest.stage.upstream.quiet()
  })
})
