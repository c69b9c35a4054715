/** The times of schedules, over changes of the clocks too. */
import { Cron } from 'croner'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { nextOf, readTime } from '../src/session/schedule-time.ts'

const at = (text: string) => Date.parse(text)

/** Returns the first occurrences after a time, in ISO 8601. */
async function occurrences(
  cron: string,
  timeZone: string,
  { after, count }: { after: string; count: number },
): Promise<string[]> {
  const { rule, dueAt } = await readTime({ cron, timeZone }, at(after))
  const times: number[] = []
  for (let due: number | undefined = dueAt; due !== undefined && times.length < count;) {
    times.push(due)
    due = (await nextOf({ rule, occurrence: 0, dueAt: due }, due)).next?.dueAt
  }
  return times.map((time) => new Date(time).toISOString().slice(0, 16))
}

describe('a cron expression', () => {
  it('with a time that spring leaves out is due an hour later', async () => {
    const berlin = { after: '2026-03-27T12:00:00Z', count: 3 }
    expect(await occurrences('30 2 * * *', 'Europe/Berlin', berlin)).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ])
  })

  it('with a time that autumn repeats is due once', async () => {
    const newYork = { after: '2026-10-31T12:00:00Z', count: 3 }
    expect(await occurrences('30 1 * * *', 'America/New_York', newYork)).toEqual([
      '2026-11-01T05:30',
      '2026-11-02T06:30',
      '2026-11-03T06:30',
    ])
  })

  it('with lists or ranges of times is due once for each of them too', async () => {
    const spring = { after: '2026-03-28T23:00:00Z', count: 3 }
    expect(await occurrences('30 2,14 * * *', 'Europe/Berlin', spring)).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T12:30',
      '2026-03-30T00:30',
    ])
    const autumn = { after: '2026-10-24T22:00:00Z', count: 5 }
    expect(await occurrences('15,45 1-2 * * *', 'Europe/Berlin', autumn)).toEqual([
      '2026-10-24T23:15',
      '2026-10-24T23:45',
      '2026-10-25T00:15',
      '2026-10-25T00:45',
      '2026-10-26T00:15',
    ])
  })

  it('follows a change of half an hour', async () => {
    const lordHowe = { after: '2026-10-02T00:00:00Z', count: 3 }
    expect(await occurrences('0 9 * * *', 'Australia/Lord_Howe', lordHowe)).toEqual([
      '2026-10-02T22:30',
      '2026-10-03T22:00',
      '2026-10-04T22:00',
    ])
  })

  it('each hour has no gap and no repetition over a change', async () => {
    const berlin = { after: '2026-10-24T22:30:00Z', count: 6 }
    const hours = await occurrences('0 * * * *', 'Europe/Berlin', berlin)
    expect(hours).toEqual(
      ['23:00', '00:00', '01:00', '02:00', '03:00', '04:00'].map(
        (time) => `2026-10-2${time === '23:00' ? 4 : 5}T${time}`,
      ),
    )
  })

  it('is due when croner says, for any expression and time', async () => {
    const field = (max: number, min = 0) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min, max }).map(String),
        fc.integer({ min, max: max - 1 }).map((first) => `${first},${first + 1}`),
        fc.integer({ min: 2, max: 7 }).map((step) => `*/${step}`),
      )
    const cron = fc
      .tuple(field(59), field(23), field(28, 1), field(12, 1), field(6))
      .map((fields) => fields.join(' '))
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe')
    const minutes = fc.integer({ min: 0, max: 60 * 24 * 700 })
    await fc.assert(
      fc.asyncProperty(cron, zone, minutes, minutes, async (cron, timeZone, from, lateBy) => {
        const now = at('2026-01-01T00:00:00Z') + from * 60_000
        const own = new Cron(cron, {
          timezone: timeZone,
          mode: '5-part',
          fixedTimeRule: 'no-wildcard',
        })
        const first = own.nextRun(new Date(now))
        if (first === null) return
        const { rule, dueAt } = await readTime({ cron, timeZone }, now)
        expect(dueAt).toBe(first.getTime())
        const later = dueAt + lateBy * 1000
        const { next } = await nextOf({ rule, occurrence: 4, dueAt }, later)
        const expected = own.nextRun(new Date(later))?.getTime()
        expect(next).toEqual(expected && { occurrence: 5, dueAt: expected })
      }),
      { numRuns: 200 },
    )
  })
})

describe('an interval', () => {
  it('keeps its rhythm, and counts what was missed', async () => {
    const { rule, dueAt } = await readTime({ every: 1000 }, 5000)
    expect(dueAt).toBe(6000)
    const first = { rule, occurrence: 0, dueAt }
    expect(await nextOf(first, 6400)).toEqual({ next: { occurrence: 1, dueAt: 7000 }, missed: 0 })
    expect(await nextOf(first, 9500)).toEqual({ next: { occurrence: 1, dueAt: 10_000 }, missed: 3 })
    expect((await nextOf(first, 9_000_000)).missed).toBe(1000)
  })
})
