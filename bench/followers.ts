/**
 * `node bench/followers.ts`: the cost of following turns that another instance runs, with 500 turns
 * at one token a second and 4 followers each. The exit code is 1 if an event takes too long, if a
 * follower misses an event, or if an instance needs more than a few connections.
 */
import { parseArgs } from 'node:util'

import { openAudience } from '../test/sessions/audience.ts'
import type { Delays } from '../test/sessions/crowd-orders.ts'
import { cpuMicrosOf } from './child.ts'
import { median } from './statistics.ts'

/** Between the model's write and the follower's read, at the 99th percentile, on loopback. */
const p99MostMs = 50
const connectionsMost = 4

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '500' },
    each: { type: 'string', default: '4' },
    pace: { type: 'string', default: '1000' },
    windows: { type: 'string', default: '5' },
  },
})
const [turns, each, paceMs] = [Number(values.turns), Number(values.each), Number(values.pace)]

await using audience = await openAudience()
const { crowd, owner, reader } = audience
await crowd({ do: 'ask', url: owner.url, turns, paceMs })
await crowd({ do: 'follow', url: reader.url, turns, each })
const connections = Object.values(await audience.connections())
const p99s: number[] = []
for (let window = 0; window < Number(values.windows); window++) {
  const before = [owner, reader].map(({ pid }) => cpuMicrosOf(pid))
  const { delays } = await crowd({ do: 'measure', ms: 4000 })
  const cpu = [owner, reader].map(({ pid }, index) => cpuMicrosOf(pid) - (before[index] ?? 0))
  if (delays === undefined) throw new Error('Nothing was measured.')
  p99s.push(delays.p99Ms)
  process.stdout.write(`${lineOf(delays, cpu)}\n`)
}
const { lacking = [] } = await crowd({ do: 'end' })
const p99Ms = median(p99s)
process.stdout.write(
  `connections to Redis: ${connections.join(' and ')}; followers that lack something: ` +
    `${lacking.length}; p99 ${p99Ms.toFixed(1)} ms, at most ${p99MostMs}\n`,
)
const isGood = p99Ms < p99MostMs && Math.max(...connections) <= connectionsMost
process.exitCode = isGood && lacking.length === 0 ? 0 : 1

function lineOf(
  { count, p50Ms, p99Ms, mostMs }: Delays,
  [ownerMicros = 0, readerMicros = 0]: number[],
) {
  const frames = `${count} frames: p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)}, most ${mostMs.toFixed(1)} ms`
  const ownerCost = ((ownerMicros * each) / count).toFixed(0)
  return `${frames}; CPU ${ownerCost} µs/token at the owner, ${(readerMicros / count).toFixed(0)} µs/frame at the reader`
}
