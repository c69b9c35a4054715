/** The cost of tasks in calls of the store. It does not grow with the tree. */
import { describe, expect, it, onTestFinished } from 'vitest'

import { agentTool, defineAgent, Loom, openMemoryStore, type Store } from '../src/index.ts'
import { until } from './redis/until.ts'
import { callTool, sayBy } from './tasks/models.ts'

const worker = defineAgent({ name: 'worker', systemPrompt: 'Work.', model: sayBy(() => 'done') })
const lead = defineAgent({
  name: 'lead',
  systemPrompt: 'Lead.',
  model: sayBy(({ prompt, results }) => {
    if (results.length > 0) return 'all done'
    if (prompt.includes('background task')) return 'noted'
    if (prompt === 'later') return callTool('later', { prompt: 'go' })
    const calls = Array.from({ length: Number(prompt) }, () => callTool('worker', { prompt: 'go' }))
    return calls.flat()
  }),
  tools: [agentTool(worker), agentTool(worker, { name: 'later', background: true })],
})

interface Calls {
  store: Store
  /** The names of the calls, in order. */
  names: string[]
  /** Called before each call. */
  before: (name: string, parameters: readonly unknown[]) => Promise<void> | undefined
}

/** A store that notes its calls. */
function noted(): Calls {
  const calls: Calls = {
    names: [],
    before: () => undefined,
    store: new Proxy(openMemoryStore(), {
      get(target, name: keyof Store) {
        if (name === 'within') return undefined
        const method = target[name]
        return async (...parameters: unknown[]) => {
          calls.names.push(name)
          await calls.before(name, parameters)
          return Reflect.apply(method, target, parameters)
        }
      },
    }),
  }
  return calls
}

const ended = (store: Store) =>
  until(10_000, 'all tasks have ended', async () => {
    const tasks = await store.unfinishedTasks('root')
    return tasks.length === 0
  })

describe('the cost of tasks', () => {
  const start = (store: Store, heartbeatMs: number) => {
    const loom = new Loom({ agents: [lead], store, heartbeatMs, flushMs: 0 })
    onTestFinished(() => loom.close())
    return loom.startAgent('lead', 'root')
  }

  it('is the same number of store calls in a tree with many ended tasks', async () => {
    const calls = noted()
    // No look for other sessions during the test.
    const session = start(calls.store, 600_000)
    const cost = async () => {
      const before = calls.names.length
      await session.call('10')
      await ended(calls.store)
      return calls.names.slice(before).filter((name) => !isOfWait(name)).length
    }
    const first = await cost()
    for (let round = 0; round < 8; round++) await cost()
    // The order of simultaneous tasks changes a few calls.
    expect(await cost()).toBeLessThan(first * 1.1)
    // Only the list reads a whole tree.
    expect(calls.names).not.toContain('tasks')
    const listed = calls.names.length
    expect(await session.tasks()).toHaveLength(100)
    expect(calls.names.length - listed).toBeLessThan(10)
  })

  it('has a budget that is checked without a read of the tree', async () => {
    const calls = noted()
    const counted = defineAgent({ ...lead, sessionBudget: { maxTokens: 1e6 } })
    const loom = new Loom({ agents: [counted], store: calls.store, flushMs: 0 })
    onTestFinished(() => loom.close())
    const session = loom.startAgent('lead', 'root')
    await session.call('10')
    await session.call('later')
    await ended(calls.store)
    const readsOfTasks = calls.names.filter((name) => ['tasks', 'messages'].includes(name))
    expect(readsOfTasks).toEqual([])
    // Each of the tasks asks before its first step, and the root before each of its steps.
    expect(calls.names.filter((name) => name === 'spentBeside').length).toBeGreaterThan(11)
    const tasks = await session.tasks()
    const info = await session.info()
    const all = [info?.spent, ...tasks.map(({ spent }) => spent)]
    const tokens = all.reduce((sum, spent) => sum + (spent?.usage.totalTokens ?? 0), 0)
    const { usage } = await calls.store.spentBeside('root')
    expect(usage.totalTokens).toBe(tokens)
    expect(tokens).toBeGreaterThan(0)
  })

  it('is one end, however often the instance looks after its sessions meanwhile', async () => {
    const calls = noted()
    const session = start(calls.store, 60)
    const count = (wanted: string) => calls.names.filter((name) => name === wanted).length
    calls.before = async (name) => {
      if (name !== 'endTask' || count('endTask') > 1) return
      const from = count('noted')
      await until(10_000, 'two whole looks', () => count('noted') > from + 2)
    }
    await session.call('later')
    await ended(calls.store)
    expect(count('endTask')).toBe(1)
  })
})

/** A wait reads again after each hint and after each time limit. */
const isOfWait = (name: string) =>
  ['unfinishedTasks', 'session', 'readLog', 'watch', 'append'].includes(name)
