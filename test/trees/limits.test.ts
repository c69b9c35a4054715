/** The limits of trees on three servers. One of the servers dies meanwhile. */
import { randomUUID } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { fieldOf } from '../../src/ground/fields.ts'
import { until } from '../redis/until.ts'
import { cast, messagesOf, stateOf } from '../sessions/tab.ts'
import { expectOneTree, type Forest, openForest, plant, tasksOf } from './forest.ts'
import { type Plan, promptOf } from './plan.ts'

const [openMax, unfinishedMax] = [3, 12]

let forest: Forest
beforeAll(async () => {
  forest = await openForest({
    instances: 3,
    environment: {
      LOOM_TASKS_AT_ONCE: String(openMax),
      LOOM_TASKS_MAX: String(unfinishedMax),
      LOOM_TASKS_DEPTH: '1',
    },
  })
})
afterAll(() => forest[Symbol.asyncDispose]())

const urlOf = (index: number) => forest.stage.instance(index).url

async function killAndReplace(index: number) {
  await forest.stage.instance(index).kill()
  await forest.stage.start(index)
}

/** The plans below `id` whose model calls are open now. */
function runningBelow(id: string): Set<string> {
  const { calls, stage } = forest
  const open = calls.filter(({ planId }, index) => {
    return planId.startsWith(`${id}-`) && stage.upstream.calls[index]?.state === 'running'
  })
  return new Set(open.map(({ planId }) => planId))
}

describe('the limits of a tree, while a server dies', () => {
  it('hold at once for all servers together', async () => {
    const researchers = (id: string): Plan => ({
      id,
      steps: [
        Array.from({ length: 10 }, (_, index) => ({
          tool: 'researcher',
          plan: { id: `${id}-${index}`, steps: [[{ tool: 'never' }]] },
        })),
      ],
    })
    const tree = plant(
      [0, 1, 2].map((index) => forest.stage.instance(index)),
      researchers,
    )
    let most = 0
    const note = () => {
      most = Math.max(most, runningBelow(tree.chatId).size)
      return most
    }
    const isBusy = () => forest.calls.filter(({ planId }) => planId.startsWith(`${tree.chatId}-`))
    await until(20_000, 'some tasks have begun', () => (note(), isBusy().length > 6))
    await killAndReplace(0)
    let isOver = false
    const end = tree.answer.message.finally(() => (isOver = true))
    await until(30_000, 'the answer', () => (note(), isOver))
    await end
    expect(most).toBe(openMax)
    const watched = new Map()
    await expectOneTree(forest, { ...tree, watched }, { url: urlOf(1), label: 'at once' })
  })

  it('refuse a task that is too deep, as a result for the model', async () => {
    const id = randomUUID()
    const checker = { tool: 'checker', plan: { id: `${id}-1a`, steps: [] } }
    const researcher = { tool: 'researcher', plan: { id: `${id}-1`, steps: [[checker]] } }
    await cast(urlOf(1), id, promptOf({ id, steps: [[researcher]] }))
    await until(20_000, 'the plan of the researcher', () =>
      forest.calls.some(({ planId }) => planId === `${id}-1`),
    )
    await killAndReplace(1)
    await until(20_000, 'the end', async () => {
      return (
        (await messagesOf(urlOf(2), id)).length === 2 && (await stateOf(urlOf(2), id)) === 'idle'
      )
    })
    const tasks = await tasksOf(urlOf(2), id)
    expect(tasks.map(({ state, depth }) => [state, depth])).toEqual([['finished', 1]])
    const [task] = tasks
    const answer = JSON.stringify(await messagesOf(urlOf(2), task?.id ?? ''))
    expect(answer).toContain('A task has at most 1 session above it.')
  })

  it('refuse tasks beyond the unfinished ones, and each result comes once', async () => {
    const id = randomUUID()
    const later = Array.from({ length: unfinishedMax + 2 }, (_, index) => ({
      tool: 'later',
      plan: { id: `${id}-${index}`, steps: [[{ tool: 'human', input: { question: 'Now?' } }]] },
    }))
    await cast(urlOf(0), id, promptOf({ id, steps: [later] }))
    const waiting = async (url: string) =>
      (await tasksOf(url, id).catch(() => [])).filter(({ state }) => state === 'waiting')
    await until(20_000, 'some wait', async () => (await waiting(urlOf(2))).length > 2)
    await killAndReplace(0)
    await until(30_000, 'as many as allowed wait', async () => {
      return (await waiting(urlOf(2))).length === unfinishedMax
    })
    await until(
      20_000,
      'the parent has ended',
      async () => (await stateOf(urlOf(2), id)) === 'idle',
    )
    const [, message] = await messagesOf(urlOf(2), id)
    const refused = JSON.stringify(message).match(/has 12 unfinished tasks/g)
    expect(refused).toHaveLength(2)
    const tasks = await tasksOf(urlOf(2), id)
    expect(tasks).toHaveLength(unfinishedMax)
    for (const [index, { id: task, waitsFor = [] }] of tasks.entries()) {
      if (index === 6) await killAndReplace(1)
      const path = `/api/chat/${encodeURIComponent(task)}/tools/${waitsFor[0]?.toolCallId}`
      const body = JSON.stringify({ output: 'yes' })
      const answered = await fetch(urlOf(2) + path, { method: 'POST', body })
      expect(answered.status, await answered.text()).toBeLessThan(300)
    }
    const results = async () =>
      (await messagesOf(urlOf(2), id)).flatMap(({ metadata }) => {
        const of = fieldOf(fieldOf(metadata, 'task'), 'id')
        return typeof of === 'string' ? [of] : []
      })
    await until(40_000, 'all results are there', async () => {
      const isIdle = (await stateOf(urlOf(2), id)) === 'idle'
      return isIdle && (await results()).length >= unfinishedMax
    })
    expect((await results()).toSorted()).toEqual(tasks.map((task) => task.id).toSorted())
    const ended = await tasksOf(urlOf(2), id)
    expect(ended.map(({ state }) => state)).toEqual(ended.map(() => 'finished'))
  })
})
