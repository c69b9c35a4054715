/** A tree in which nothing runs costs its instance nothing. `bench/idle-tree.ts` measures a larger one. */
import { describe, expect, it, onTestFinished } from 'vitest'

import { agentTool, defineAgent, human, Loom, openRedisStore, type Store } from '../../src/index.ts'
import { notedKey } from '../../src/store/redis/keys.ts'
import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { callTool, sayBy } from '../tasks/models.ts'

const count = 40

const worker = defineAgent({
  name: 'worker',
  systemPrompt: 'Work.',
  model: sayBy(({ prompt, results }) =>
    prompt === 'ask' && results.length === 0 ? callTool('human', { question: 'Now?' }) : 'done',
  ),
  tools: [human()],
})
const lead = defineAgent({
  name: 'lead',
  systemPrompt: 'Lead.',
  model: sayBy(({ prompt, results }) => {
    if (results.length > 0 || prompt === 'hello') return 'all done'
    return Array.from({ length: count }, () => callTool('worker', { prompt })).flat()
  }),
  tools: [agentTool(worker)],
})

/** A store that notes the names of its calls and of the instance. */
function noted(store: Store) {
  const calls: string[] = []
  let instance = ''
  const proxy = new Proxy(store, {
    get(target, name: keyof Store) {
      if (name === 'within') return undefined
      const method = target[name]
      return (...parameters: unknown[]) => {
        calls.push(name)
        if (name === 'beat') instance = String(parameters[0])
        return Reflect.apply(method, target, parameters)
      }
    },
  })
  return { calls, proxy, instance: () => instance }
}

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

describe('a tree in which nothing runs', () => {
  it('costs its instance no call of the store and no timer, ended or waiting for a human', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis[Symbol.asyncDispose]())
    const { calls, proxy, instance } = noted(await openRedisStore({ url: redis.url }))
    // A timer that a wait left behind would be seen for a minute.
    const times = { heartbeatMs: 300, flushMs: 0, pollMs: 60_000 }
    const loom = new Loom({ agents: [lead], store: proxy, ...times })
    onTestFinished(() => loom.close())
    const beats = () => calls.filter((name) => name === 'beat').length
    /** The names of the calls in five beats. */
    const inFiveBeats = async () => {
      const from = calls.length
      const first = beats()
      await until(20_000, 'five beats', () => beats() >= first + 5)
      return new Set(calls.slice(from))
    }
    // The first turn starts the instance.
    await loom.startAgent('lead', 'other').call('hello')
    const idle = await inFiveBeats()
    // An instance without a tree looks for schedules too, less often.
    await until(20_000, 'a look for schedules', () => calls.includes('takeDue'))
    idle.add('takeDue')
    const timersBefore = timers()
    const session = loom.startAgent('lead', 'root')
    await session.call('work')
    await session.cast('ask')
    await until(20_000, 'all tasks wait', async () => {
      const states = (await session.tasks()).map(({ state }) => state)
      return states.filter((state) => state === 'waiting').length === count
    })
    await until(20_000, 'the root waits', async () => (await session.info())?.state === 'waiting')
    await until(20_000, 'the instance has done the rest', async () => {
      return (await redis.client.scard(notedKey(instance()))) === 0
    })
    const later = await inFiveBeats()
    expect([...later].filter((name) => !idle.has(name))).toEqual([])
    await until(20_000, 'the end of the timers', () => timers() <= timersBefore)
    expect(await session.tasks()).toHaveLength(2 * count)
  })
})
