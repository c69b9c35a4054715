/**
 * Short answers, first one after another and then several at a time. It measures the delay of the
 * first token beyond the upstream's own. Code that runs once for each request shows its cost here.
 */
import type { Measures } from '../measures.ts'
import type { Order } from '../order.ts'
import type { Sighting, Stamp } from '../protocol.ts'
import type { Stage } from '../stage.ts'
import { percentile } from '../statistics.ts'

const sequential = 200
const concurrent = 100
const connections = 10

export async function firstToken(stage: Stage, quick: boolean): Promise<Measures> {
  const order = (id: number): Order => ({ id, tokens: 4, rate: 500, waitMs: quick ? 3 : 10 })
  const orders = (first: number, count: number): Order[] =>
    Array.from({ length: count }, (_, index) => order(first + index))
  await stage.send(orders(1, quick ? 40 : 100), 1)
  await stage.stamps()

  await stage.startProfile()
  const cpuBefore = stage.cpuMicros()
  const alone = await stage.send(orders(1000, sequential), 1)
  const together = await stage.send(orders(2000, concurrent), connections)
  const cpuMicros = stage.cpuMicros() - cpuBefore
  await stage.endProfile()

  const stamps = new Map((await stage.stamps()).map((stamp) => [stamp.id, stamp]))
  const added = [...alone, ...together].map((sighting) => addedMs(sighting, stamps))
  const addedAlone = added.slice(0, sequential)
  return {
    'p50 ms': percentile(added, 0.5),
    'p99 ms': percentile(added, 0.99),
    'p50 alone ms': percentile(addedAlone, 0.5),
    'p99 alone ms': percentile(addedAlone, 0.99),
    'CPU ms/request': cpuMicros / 1000 / (sequential + concurrent),
  }
}

function addedMs({ id, sentAt, arrivals }: Sighting, stamps: Map<number, Stamp>): number {
  const stamp = stamps.get(id)
  if (stamp === undefined) throw new Error(`The upstream never saw order ${id}.`)
  return (arrivals[0] ?? Infinity) - sentAt - (stamp.firstAt - stamp.receivedAt)
}
