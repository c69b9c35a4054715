/**
 * Live streams at the pace of a model: every token is a wake-up, a read and a write. The
 * measurement takes place in a window in which all streams are open and none begins or ends.
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
  // The streams last a second longer than the window; the memory is measured in that second.
  const tokens = (rate * (warmMs + windowMs + 1000)) / 1000
  // The starts are spread over the time between two tokens, so that the streams do not send at the
  // same time.
  const order = (id: number): Order => ({ id, tokens, rate, waitMs: (id * 7) % (1000 / rate) })
  // This uses one connection only. A pool for many connections must not count as memory from
  // before.
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
  // The promise is awaited below. Until then, this handler keeps a rejection from ending the
  // process.
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
  const sightings = await sending

  const arrived = sightings.reduce((sum, sighting) => sum + arrivedIn(window, sighting), 0)
  const latencies = latenciesIn(window, sightings, await stage.stamps())
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

/** Returns the number of tokens of an answer that arrived in the window. */
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

/**
 * Returns the time from the upstream's write of each token in the window to its arrival, in
 * milliseconds.
 */
function latenciesIn(window: Window, sightings: Sighting[], stamps: Stamp[]): number[] {
  const sentAtById = new Map(stamps.map(({ id, sentAt }) => [id, sentAt]))
  return sightings.flatMap(({ id, arrivals }) => {
    let token = 0
    return (sentAtById.get(id) ?? []).flatMap((sentAt, index) => {
      while ((arrivals[token + 1] ?? Infinity) <= index) token += 2
      const inWindow = sentAt >= window.from && sentAt <= window.to
      return inWindow ? [(arrivals[token] ?? Infinity) - sentAt] : []
    })
  })
}
