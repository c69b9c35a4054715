/** Trees of three levels on three servers that die, freeze or shut down: each branch goes on, once. */
import { afterAll, describe, expect, it } from 'vitest'

import { busyness } from '../machine.ts'
import { until } from '../redis/until.ts'
import { chance, median } from '../sessions/random.ts'
import { heartbeatMs, type StageInstance } from '../sessions/stage.ts'
import { type Answer, openTab } from '../sessions/tab.ts'
import { expectOneTree, openForest, plant, plansIn, tasksOf } from './forest.ts'

const ends = {
  killed: (instance: StageInstance) => instance.kill(),
  frozen: async (instance: StageInstance) => instance.freeze(),
  'shut down': async (instance: StageInstance) => void instance.terminate(),
}

describe('a tree of three levels', () => {
  /** For each branch that the end of a server cut: the time to its next model call, in milliseconds. */
  const pauses: number[] = []

  afterAll(() => {
    if (pauses.length > 0) {
      expect(median(pauses), 'the pause').toBeLessThan((heartbeatMs + 500) * busyness())
    }
  })

  for (const [name, end] of Object.entries(ends)) {
    it(`is one coherent answer, and each task runs once, when a server is ${name}`, async () => {
      const { seed, below } = chance()
      await using forest = await openForest({ paceMs: 20 })
      const { stage, calls } = forest
      const trees = [0, 1].map((first) =>
        plant([0, 1, 2].map((index) => stage.instance((first + index) % 3))),
      )
      const plans = trees.flatMap(({ plan }) => plansIn(plan))
      // A tree makes more model calls than it has plans.
      const moment = below(plans.length * 2)
      const label = `seed ${seed}, ${name} after ${moment} model calls`
      process.stdout.write(`${label}\n`)
      // A frozen server never answers a post that it has not accepted, and the tab cannot know.
      const isAccepted = () =>
        name !== 'frozen' ||
        trees.every(({ chatId }) => calls.some(({ planId }) => planId === chatId))
      await until(20_000, `${label}: the moment`, () => calls.length >= moment && isAccepted())
      const { url } = stage.instance(2)
      const tab = openTab({ urls: [url] })
      const watched = new Map<string, Answer>()
      for (const { chatId } of trees) {
        for (const { id, state } of await tasksOf(url, chatId).catch(() => [])) {
          if (state === 'running') watched.set(id, tab.reattach(id))
        }
      }
      const victim = stage.instance(below(2))
      const cut = stage.upstream.calls.flatMap(({ key, state }, index) =>
        state === 'running' && key === victim.key ? [calls[index]?.planId] : [],
      )
      const [endedAt, from] = [performance.now(), calls.length]
      await end(victim)
      for (const tree of trees) await expectOneTree(forest, { ...tree, watched }, { url, label })
      for (const plan of cut) {
        // A server that shuts down may still finish the last call of a branch.
        const next = calls.slice(from).find(({ planId }) => planId === plan)
        if (next !== undefined) pauses.push(next.at - endedAt)
      }
    })
  }
})
