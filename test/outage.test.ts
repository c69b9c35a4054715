/** The frequency of log lines while a store is away. */
import { expect, it } from 'vitest'

import { Outage } from '../src/server/outage.ts'

const second = 1000

/** Fails every second for this time. Returns the seconds with a log line. */
function logSeconds(outage: Outage, clock: { ms: number }, seconds: number): number[] {
  const lines: number[] = []
  for (let at = 0; at < seconds; at++) {
    if (outage.lineOf('away') !== undefined) lines.push(at)
    clock.ms += second
  }
  return lines
}

function openOutage() {
  const clock = { ms: 5_000_000 }
  return { clock, outage: new Outage(() => clock.ms) }
}

it('outage lines come at intervals that double to ten minutes', () => {
  const { clock, outage } = openOutage()
  const lines = logSeconds(outage, clock, 3600)
  expect(lines.slice(0, 6)).toEqual([0, 2, 6, 14, 30, 62])
  expect(lines.slice(-3).map((at, index, last) => at - (last[index - 1] ?? at))).toEqual([
    0, 600, 600,
  ])
})

it('a line counts the omitted failures', () => {
  const { clock, outage } = openOutage()
  const lines = Array.from({ length: 7 }, () => {
    clock.ms += second
    return outage.lineOf('away') ?? ''
  })
  expect(lines).toEqual(['away', '', 'away (and 1 more)', '', '', '', 'away (and 3 more)'])
})

it('a new outage is logged at once', () => {
  const { clock, outage } = openOutage()
  expect(outage.end()).toBeUndefined()
  expect(logSeconds(outage, clock, 4)).toEqual([0, 2])
  expect(outage.end()).toBe(4 * second)
  expect(outage.end()).toBeUndefined()
  expect(logSeconds(outage, clock, 4)).toEqual([0, 2])
  clock.ms += 61 * second
  expect(outage.lineOf('away')).toBe('away')
})
