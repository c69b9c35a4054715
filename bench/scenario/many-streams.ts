/**
 * Live streams at a model's own pace: every token is a wake-up, a read and a write. Measured in a
 * window in which all streams are open and none begins or ends.
 */
import { setTimeout as pause } from 'node:timers/promises'

import { now } from '../clock.ts'
import type { Measures } from '../measures.ts'
import type { Order } from '../order.ts'
import type { Sighting, Stamp } from '../protocol.ts'
import type { Stage } from '../stage.ts'
import { percentile } from '../statistics.ts'

const streams = 50
const rate = 50

interface Window {
  from: number
  to: number
}

export async function manyStreams(stage: Stage, quick: boolean): Promise<Measures> {
  const warmMs = 3000
  const windowMs = quick ? 4000 : 10_000
  // The streams outlast the window by a second, in which memory is looked at.
  const tokens = (rate * (warmMs + windowMs + 1000)) / 1000
  // Starts are spread over the time between two tokens, so that streams do not beat as one.
  const order = (id: number): Order => ({ id, tokens, rate, waitMs: (id * 7) % (1000 / rate) })
  // One connection only: what is pooled for many must not count as held before there were many.
  await stage.send(
    Array.from({ length: 50 }, (_, index) => ({ id: index, tokens: 200, rate: 0, waitMs: 0 })),
    1,
  )
  const memoryBefore = await stage.memory()
  await stage.stamps()

  const sending = stage.send(
    Array.from({ length: streams }, (_, index) => order(100 + index)),
    streams,
  )
  // Looked at below; a failure before that is not lost and does not end the process by itself.
  sending.catch(() => {})
  await pause(warmMs)
  await stage.startProfile()
  const cpuBefore = stage.cpuMicros()
  const from = now()
  await pause(windowMs)
  const cpuMicros = stage.cpuMicros() - cpuBefore
  const window: Window = { from, to: now() }
  await stage.endProfile()
  const memory = await stage.memory()
  const seen = await sending

  const arrived = seen.reduce((sum, sighting) => sum + arrivedIn(window, sighting), 0)
  const latencies = latenciesIn(window, seen, await stage.stamps())
  const seconds = (window.to - window.from) / 1000
  return {
    'CPU µs/token': cpuMicros / arrived,
    'delivered %': (100 * arrived) / (streams * rate * seconds),
    'latency p50 ms': percentile(latencies, 0.5),
    'latency p99 ms': percentile(latencies, 0.99),
    'held KB/stream': (memory.heldBytes - memoryBefore.heldBytes) / streams / 1024,
    'resident MB': memory.residentBytes / 1024 / 1024,
  }
}

/** How many tokens of an answer arrived in the window. */
function arrivedIn({ from, to }: Window, { arrivals }: Sighting): number {
  let before = 0
  let within = 0
  for (let index = 0; index < arrivals.length; index += 2) {
    const at = arrivals[index] ?? Infinity
    const tokens = arrivals[index + 1] ?? 0
    if (at < from) before = tokens
    if (at <= to) within = tokens
  }
  return within - before
}

/** From the upstream's write of each token in the window to its arrival, in milliseconds. */
function latenciesIn(window: Window, seen: Sighting[], stamps: Stamp[]): number[] {
  const sentAtById = new Map(stamps.map(({ id, sentAt }) => [id, sentAt]))
  return seen.flatMap(({ id, arrivals }) => {
    let token = 0
    return (sentAtById.get(id) ?? []).flatMap((sentAt, index) => {
      while ((arrivals[token + 1] ?? Infinity) <= index) token += 2
      const inWindow = sentAt >= window.from && sentAt <= window.to
      return inWindow ? [(arrivals[token] ?? Infinity) - sentAt] : []
    })
  })
}
