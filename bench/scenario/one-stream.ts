/** A model that sends as fast as it is read: the work for a token in a hot loop. */
import type { Measures } from '../measures.ts'
import type { Order } from '../order.ts'
import type { Stage } from '../stage.ts'

export async function oneStream(stage: Stage, quick: boolean): Promise<Measures> {
  const tokens = quick ? 10_000 : 25_000
  const repeats = quick ? 4 : 8
  const order = (id: number): Order => ({ id, tokens, rate: 0, waitMs: 0 })
  await stage.send([1, 2, 3].map(order), 1)

  await stage.startProfile()
  const cpuBefore = stage.cpuMicros()
  const sightings = await stage.send(
    Array.from({ length: repeats }, (_, index) => order(10 + index)),
    1,
  )
  const cpuMicros = stage.cpuMicros() - cpuBefore
  await stage.endProfile()

  const streamedMs = sightings.reduce((sum, { sentAt, endedAt }) => sum + endedAt - sentAt, 0)
  const bytes = sightings.reduce((sum, sighting) => sum + sighting.bytes, 0)
  return {
    'CPU µs/token': cpuMicros / (repeats * tokens),
    'tokens/s': (repeats * tokens) / (streamedMs / 1000),
    'bytes/token': bytes / (repeats * tokens),
  }
}
