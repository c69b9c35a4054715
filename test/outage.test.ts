/** How often whoever runs the server is told of a store that is away. */
import { expect, it } from 'vitest'

import { Outage } from '../src/server/outage.ts'

const second = 1000

/** Fails every second for so long; the seconds at which that was told. */
function toldAt(outage: Outage, clock: { ms: number }, seconds: number): number[] {
  const told: number[] = []
  for (let at = 0; at < seconds; at++) {
    if (outage.lineOf('away') !== undefined) told.push(at)
    clock.ms += second
  }
  return told
}

function openOutage() {
  const clock = { ms: 5_000_000 }
  return { clock, outage: new Outage(() => clock.ms) }
}

it('tells of an outage in intervals that double up to ten minutes', () => {
  const { clock, outage } = openOutage()
  const told = toldAt(outage, clock, 3600)
  expect(told.slice(0, 6)).toEqual([0, 2, 6, 14, 30, 62])
  expect(told.slice(-3).map((at, index, last) => at - (last[index - 1] ?? at))).toEqual([
    0, 600, 600,
  ])
})

it('counts what it did not tell', () => {
  const { clock, outage } = openOutage()
  const lines = Array.from({ length: 7 }, () => {
    clock.ms += second
    return outage.lineOf('away') ?? ''
  })
  expect(lines).toEqual(['away', '', 'away (and 1 more)', '', '', '', 'away (and 3 more)'])
})

it('tells of the next one at once, after the end of the last or a minute of quiet', () => {
  const { clock, outage } = openOutage()
  expect(outage.end()).toBeUndefined()
  expect(toldAt(outage, clock, 4)).toEqual([0, 2])
  expect(outage.end()).toBe(4 * second)
  expect(outage.end()).toBeUndefined()
  expect(toldAt(outage, clock, 4)).toEqual([0, 2])
  clock.ms += 61 * second
  expect(outage.lineOf('away')).toBe('away')
})
