/**
 * `node bench/idle-tree.ts`: the cost of a tree of 10,000 tasks in which nothing runs. Half of the tasks have ended,
 * and half wait for a human, as their root does. Two servers of one Redis are measured before the tree exists and
 * after. The exit code is 1 if the tree costs an instance processor time (so also if it had timers for it) or memory.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { openRedisStore } from '../src/index.ts'
import { converse, letter, said } from '../src/testing/store-contract/conversation.ts'
import { idOf, taskOf } from '../src/testing/store-contract/tasks.ts'
import { freePort } from '../test/redis/free-port.ts'
import { startRedis } from '../test/redis/redis.ts'
import { Child } from './child.ts'
import { contenders } from './contender.ts'
import { type Memory, memorySchema } from './protocol.ts'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '10000' },
    window: { type: 'string', default: '20000' },
  },
})
const [count, windowMs] = [Number(values.tasks), Number(values.window)]

/** In a window, beside the noise between two windows without a tree, as a share of one core. */
const cpuMost = 0.005
/** For each task in each instance, in bytes. */
const memoryMost = 10

interface Idle extends Memory {
  /** The share of one core. */
  cpu: number
}

await using redis = await startRedis()
const servers: Child[] = []
for (let index = 0; index < 2; index++) {
  const port = await freePort()
  const { args, env } = contenders.redis
  const ports = { port, upstreamPort: await freePort(), redisPort: redis.port }
  const child = new Child({ label: `server ${index}`, args, env: env(ports), core: null })
  servers.push(child)
  await child.waitForPort(port)
}

async function measure(): Promise<Idle[]> {
  const ask = async (child: Child) =>
    memorySchema.parse(await child.call({ ask: 'memory' }, 60_000))
  // The work after a start and after a collection is not that of an idle process.
  await Promise.all(servers.map(ask))
  await pause(5000)
  const before = servers.map((child) => child.cpuMicros())
  await pause(windowMs)
  const cpu = servers.map(
    (child, index) => (child.cpuMicros() - (before[index] ?? 0)) / 1000 / windowMs,
  )
  const memory = await Promise.all(servers.map(ask))
  return memory.map((each, index) => ({ ...each, cpu: cpu[index] ?? Number.NaN }))
}

const usedBytes = async () =>
  Number(/used_memory:(\d+)/.exec(await redis.client.info('memory'))?.[1] ?? Number.NaN)

/** Logs and replies that expire within an hour. */
async function removeTransient(): Promise<void> {
  for (const pattern of ['loom:*:log:*', 'loom:*:reply:*']) {
    const keys = await redis.client.keys(pattern)
    for (let at = 0; at < keys.length; at += 500) {
      await redis.client.unlink(...keys.slice(at, at + 500))
    }
  }
}

async function grow(): Promise<void> {
  const store = await openRedisStore({ url: redis.url })
  const limits = { unfinishedMax: count + 1, openMax: count + 1 }
  const root = converse(store, 'root')
  const claim = await root.claim(letter('m1'))
  const text = 'A finding of some words. '.repeat(20)
  const spent = {
    usage: {
      inputTokens: 900,
      outputTokens: 120,
      totalTokens: 1020,
      cachedInputTokens: 0,
      reasoningTokens: 0,
    },
    usd: 0.0021,
    isCostKnown: true,
  }
  const add = async (index: number) => {
    const name = `n${index}`
    const id = idOf('root', name)
    await store.addTask(
      taskOf('root', name, { letter: letter('p', { message: said('p') }) }),
      limits,
    )
    const talk = converse(store, id)
    const turn = await talk.claim(letter('p'))
    await talk.append(turn, 1)
    const isWaiting = index % 2 === 0
    const message = said(turn.logId, 'assistant', text)
    await talk.finish(turn, { state: isWaiting ? 'waiting' : 'idle', message, spent })
    await (isWaiting ? store.parkTask(id, limits) : store.endTask(id, limits))
  }
  for (let from = 0; from < count; from += 100) {
    await Promise.all(
      Array.from({ length: Math.min(100, count - from) }, (_, at) => add(from + at)),
    )
  }
  await root.finish(claim, { state: 'waiting' })
  await store.close()
}

const write = (text: string): unknown => process.stdout.write(`${text}\n`)
const show = (name: string, all: readonly Idle[]) => {
  for (const [index, { cpu, heldBytes }] of all.entries()) {
    const share = `${(cpu * 100).toFixed(2)} % of a core`
    write(`${name}, server ${index}: ${share}, ${(heldBytes / 1024).toFixed(0)} KiB held`)
  }
}

try {
  const empty = await measure()
  show('no tree', empty)
  const from = await usedBytes()
  await grow()
  await removeTransient()
  write(`Redis: ${Math.round(((await usedBytes()) - from) / count)} bytes for each task`)
  const idle = await measure()
  show(`${count} tasks`, idle)
  for (const [index, each] of idle.entries()) {
    const { cpu = 0, heldBytes = 0 } = empty[index] ?? {}
    const isFree = each.cpu - cpu < cpuMost && each.heldBytes - heldBytes < memoryMost * count
    if (!isFree) process.exitCode = 1
  }
} finally {
  await Promise.all(servers.map((server) => server.stop()))
}
