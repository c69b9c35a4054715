/**
 * Two scrapes of a server as the series of Prometheus. The first one is what a quiet server had, and the second
 * one what it had after a cause. A cause that goes on adds in each minute what it has added between the two.
 */
import type { Scraped } from './scraped.ts'

export interface ScrapePair {
  /** As the label `instance`. */
  instance: string
  before: Scraped
  /** Undefined if the server could not be read any more. */
  after: Scraped | undefined
  /** Whether the cause goes on after the second scrape. @defaultValue true */
  goesOn?: boolean
}

export interface InputSeries {
  series: string
  values: string
}

/** The minutes before and after the cause. */
const quietMinutes = 5
const causedMinutes = 30

/** @param names the metrics that the rules read */
export function seriesOf(pair: ScrapePair, names: ReadonlySet<string>): InputSeries[] {
  const { instance, before, after } = pair
  const place = { job: 'loom', instance }
  const up = after === undefined ? 0 : 1
  const isUp = { series: seriesName('up', place), values: valuesOf(1, up, 0) }
  if (after === undefined) return [isUp]
  const last = samplesOf(before, names)
  const now = samplesOf(after, names)
  const named = [...now].map(([key, { name, labels, value }]) => {
    const first = last.get(key)?.value
    const isCounter = isCumulative(name, after)
    const step = isCounter && pair.goesOn !== false ? value - (first ?? 0) : 0
    return {
      series: seriesName(name, { ...labels, ...place }),
      values: valuesOf(first, value, step),
    }
  })
  return [isUp, ...named]
}

function samplesOf({ samples }: Scraped, names: ReadonlySet<string>) {
  const found = samples.filter(({ name, value }) => names.has(name) && Number.isFinite(value))
  return new Map(found.map((sample) => [sample.name + JSON.stringify(sample.labels), sample]))
}

const isCumulative = (name: string, { types }: Scraped): boolean =>
  types.get(name) === 'counter' || /_(?:bucket|sum|count)$/.test(name)

/** In the notation of promtool: `a+bxn` is a value and `n` more, each greater by `b`. `_` is no value. */
function valuesOf(before: number | undefined, after: number, step: number): string {
  const quiet =
    before === undefined ? `_x${quietMinutes}` : `${decimal(before)}+0x${quietMinutes - 1}`
  return `${quiet} ${decimal(after)}+${decimal(Math.max(0, step))}x${causedMinutes}`
}

/** Without an exponent, which the notation may not have. */
const decimal = (value: number): string => value.toFixed(6)

const seriesName = (name: string, labels: Record<string, string>): string =>
  `${name}{${Object.entries(labels)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',')}}`
