/** The shipped files of load balancers, in front of two instances that run as processes. */
import { describe, it } from 'vitest'

import { addressOf, type LoomProcess, startLoom } from '../loom-process.ts'
import { startRedis } from '../redis/redis.ts'
import { freePort } from '../redis/server.ts'
import { until } from '../redis/until.ts'
import { type BalancerKind, startBalancer } from './programs.ts'
import { passesKill, passesRoll, settings, type Topology } from './trial.ts'

const key = 'a-long-secret'

interface RunningTopology extends Topology, AsyncDisposable {}

async function openTopology(kind: BalancerKind): Promise<RunningTopology> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const ports = [String(await freePort()), String(await freePort())] as const
  const instances: LoomProcess[] = []
  stack.defer(async () => {
    for (const { child } of instances) child.kill('SIGKILL')
    await Promise.all(instances.map(({ exited }) => exited))
  })
  const start = async (index: 0 | 1) => {
    instances[index] = startLoom({
      PORT: ports[index],
      REDIS_URL: redis.url,
      LOOM_API_KEYS: key,
      LOOM_MODEL: 'demo/echo',
      ...settings,
    })
    const url = await addressOf(instances[index])
    await until(10_000, 'it is ready', async () => (await fetch(`${url}/readyz`)).status === 200)
  }
  await Promise.all([start(0), start(1)])
  const end = async (index: number, signal: NodeJS.Signals) => {
    instances[index]?.child.kill(signal)
    await instances[index]?.exited
  }
  const { url } = stack.use(await startBalancer(kind, ports))
  const owned = stack.move()
  return {
    url,
    key,
    kill: (index) => end(index, 'SIGKILL'),
    stop: (index) => end(index, 'SIGTERM'),
    start: (index) => start(index === 0 ? 0 : 1),
    evaluate: async (script, argument) => String(await redis.client.eval(script, 0, argument)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

// Both balancers at a time: the trials wait for most of their time.
const kinds = ['nginx', 'haproxy'] as const

describe('after a killed instance', () => {
  it.concurrent.each(kinds)(
    'answers behind %s continue within 4 s',
    async (kind) => {
      await using topology = await openTopology(kind)
      await passesKill(topology, { gapMs: 4000 })
    },
    120_000,
  )
})

describe('during a rolling restart', () => {
  it.concurrent.each(kinds)(
    'answers behind %s continue within 0.6 s',
    async (kind) => {
      await using topology = await openTopology(kind)
      await passesRoll(topology, { gapMs: 600 })
    },
    120_000,
  )
})
