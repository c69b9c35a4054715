/**
 * A histogram that takes many values at once: the pauses of a reply, which `PauseMeter` counts.
 * The library's own histogram takes one value at a time.
 */
import { Histogram, type Registry } from 'prom-client'

import { pauseBoundsMs, type Pauses } from '../../ground/pause-meter.ts'

interface Sums {
  count: number
  totalMs: number
  /** By length, as in `Pauses`. */
  counts: number[]
}

const name = 'loom_token_gap_seconds'
const help = 'Pauses between the reads of a reply of a model, after its first content.'

export class PauseHistogram extends Histogram<'model'> {
  readonly #sums = new Map<string, Sums>()

  constructor(registry: Registry) {
    super({ name, help, labelNames: ['model'], registers: [registry] })
  }

  add(model: string, { count, totalMs, counts }: Pauses): void {
    const sums = this.#sums.get(model) ?? { count: 0, totalMs: 0, counts: counts.map(() => 0) }
    this.#sums.set(model, sums)
    sums.count += count
    sums.totalMs += totalMs
    for (const [index, more] of counts.entries())
      sums.counts[index] = (sums.counts[index] ?? 0) + more
  }

  /** The registry of prom-client 15 calls this method for its text. Its declarations do not have it. */
  async getForPromString(): Promise<object> {
    const values = [...this.#sums].flatMap(([model, sums]) => seriesOf(model, sums))
    return { name, help, type: 'histogram', values }
  }
}

/** The buckets of Prometheus are cumulative: each counts all pauses up to its bound. */
function seriesOf(model: string, { count, totalMs, counts }: Sums) {
  let upTo = 0
  const buckets = pauseBoundsMs.map((boundMs, index) => {
    upTo += counts[index] ?? 0
    return {
      metricName: `${name}_bucket`,
      labels: { model, le: boundMs / 1000 },
      value: upTo,
    }
  })
  const rest = (metricName: string, value: number, le?: string) => ({
    metricName,
    labels: { model, ...(le !== undefined && { le }) },
    value,
  })
  return [
    ...buckets,
    rest(`${name}_bucket`, count, '+Inf'),
    rest(`${name}_sum`, totalMs / 1000),
    rest(`${name}_count`, count),
  ]
}
