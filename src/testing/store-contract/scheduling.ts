/** Schedules, and the index of due sessions. */
import { randomUUID } from 'node:crypto'

import type { DueSessions, Schedule } from '../../store/schedule.ts'
import { converse, letter } from './conversation.ts'
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const hourMs = 3_600_000
const owner = { tenant: '', agent: 'assistant', schedulesMax: 3 }

const scheduleOf = (id: string, more: Partial<Schedule> = {}): Schedule => ({
  id,
  rule: { kind: 'every', everyMs: hourMs },
  letter: letter('', { digest: 'tea', context: { user: 'ada' } }),
  occurrence: 0,
  dueAt: 5000,
  createdAt: 4000,
  ...more,
})

export function scheduling({ it, store }: Subject): void {
  it('begins a session, and is read as it was added', async () => {
    const id = randomUUID()
    const one = scheduleOf('tea', { rule: { kind: 'cron', cron: '0 9 * * 1', timeZone: 'UTC' } })
    const two = scheduleOf('now', { dueAt: 3000, rule: { kind: 'once' } })
    expect(await store().addSchedule(id, one, owner)).toBe('added')
    expect(await store().addSchedule(id, two, owner)).toBe('added')
    expect(await store().schedules(id)).toEqual([two, one])
    expect(await store().session(id)).toMatchObject({ state: 'idle', nextDueAt: 3000 })
    expect(await store().messages(id)).toEqual([])
    expect((await store().list('', { limit: 1000 })).sessions.map((each) => each.id)).toContain(id)
  })

  it('is added once, and to its own tenant', async () => {
    const id = randomUUID()
    const tea = scheduleOf('tea')
    expect(await store().addSchedule(id, tea, owner)).toBe('added')
    expect(await store().addSchedule(id, { ...tea, dueAt: 9000 }, owner)).toBe('known')
    const other = scheduleOf('tea', { letter: letter('', { digest: 'coffee' }) })
    expect(await store().addSchedule(id, other, owner)).toBe('taken')
    const rule = { kind: 'once' } as const
    expect(await store().addSchedule(id, scheduleOf('tea', { rule }), owner)).toBe('taken')
    const eve = { ...owner, tenant: 'eve' }
    expect(await store().addSchedule(id, scheduleOf('eves'), eve)).toBe('foreign')
    expect(await store().removeSchedule(id, 'tea', { tenant: 'eve' })).toBe(false)
    await store().addSchedule(id, scheduleOf('two'), owner)
    await store().addSchedule(id, scheduleOf('three'), owner)
    expect(await store().addSchedule(id, scheduleOf('four'), owner)).toBe('full')
    expect(await store().schedules(id)).toHaveLength(3)
  })

  it('advances from each occurrence once', async () => {
    const id = randomUUID()
    await store().addSchedule(id, scheduleOf('tea'), owner)
    const next = { occurrence: 1, dueAt: 7000 }
    const first = { id: 'tea', occurrence: 0 }
    const both = await Promise.all([
      store().advanceSchedule(id, first, next),
      store().advanceSchedule(id, first, next),
    ])
    expect(both.filter(Boolean)).toHaveLength(1)
    expect(await store().schedules(id)).toEqual([scheduleOf('tea', next)])
    expect(await store().session(id)).toMatchObject({ nextDueAt: 7000 })
    expect(await store().advanceSchedule(id, { id: 'tea', occurrence: 1 }, undefined)).toBe(true)
    expect(await store().schedules(id)).toEqual([])
    expect(await store().session(id)).not.toHaveProperty('nextDueAt')
    expect(await store().advanceSchedule(id, first, next)).toBe(false)
  })

  it('outlives a turn, a fork and a stop', async () => {
    const talk = converse(store())
    await store().addSchedule(talk.id, scheduleOf('tea'), owner)
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    await store().requestStop(talk.id, { tenant: '', queue: 'clear' })
    await talk.finish(claim)
    expect(await store().schedules(talk.id)).toHaveLength(1)
    const newId = randomUUID()
    expect(await store().fork(talk.id, { newId, tenant: '' })).toBe(true)
    expect(await store().schedules(newId)).toEqual([])
  })

  it('is removed by its owner, and with its session', async () => {
    const talk = converse(store())
    await store().addSchedule(talk.id, scheduleOf('tea'), owner)
    await store().addSchedule(talk.id, scheduleOf('milk'), owner)
    expect(await store().removeSchedule(talk.id, 'tea', { tenant: '' })).toBe(true)
    expect(await store().removeSchedule(talk.id, 'tea', { tenant: '' })).toBe(false)
    expect(await store().remove(talk.id, { tenant: '' })).toBe(true)
    expect(await store().schedules(talk.id)).toEqual([])
    expect(await store().advanceSchedule(talk.id, { id: 'milk', occurrence: 0 }, undefined)).toBe(
      false,
    )
    await talk.turn(letter('m1'))
    expect(await store().schedules(talk.id)).toEqual([])
    expect(await store().addSchedule(talk.id, scheduleOf('tea'), owner)).toBe('added')
  })

  it('with a long message and any text is read as it was added', async () => {
    const id = `line\nend {}% ${randomUUID()}`
    const text = 'long \u2028\n'.repeat(20_000)
    const message = { id: '', role: 'user' as const, parts: [{ type: 'text' as const, text }] }
    const long = scheduleOf('a {}%\n id', { letter: letter('', { message }) })
    expect(await store().addSchedule(id, long, owner)).toBe('added')
    expect(await store().schedules(id)).toEqual([long])
    await store().removeSchedule(id, 'a {}%\n id', { tenant: '' })
    expect(await store().schedules(id)).toEqual([])
  })

  describeIndex({ it, store })
}

/** Other tests of the same store may have due sessions too. */
function describeIndex({ it, store }: Pick<Subject, 'it' | 'store'>): void {
  const take = (leaseMs: number) => store().takeDue({ limit: 10_000, leaseMs })
  const has = ({ sessionIds }: DueSessions, id: string) => sessionIds.includes(id)

  it('is due at its time by the clock of the store', async () => {
    const [past, future] = [randomUUID(), randomUUID()]
    const now = await store().time()
    await store().noteDue(past, now - 1)
    await store().noteDue(future, now + hourMs)
    const due = await take(hourMs)
    expect(has(due, past)).toBe(true)
    expect(has(due, future)).toBe(false)
    expect(due.now).toBeGreaterThan(now - 1)
    expect(due.leasedUntil).toBe(due.now + hourMs)
    expect(due.nextAt).toBeLessThan(now + hourMs + 1)
    for (const id of [past, future]) await store().settleDue(id, due.leasedUntil, undefined)
  })

  it('goes to one of several instances, until the lease ends', async () => {
    const id = randomUUID()
    await store().noteDue(id, 1000)
    const all = await Promise.all([take(200), take(200), take(200)])
    expect(all.filter((due) => has(due, id))).toHaveLength(1)
    await expect.poll(async () => has(await take(hourMs), id)).toBe(true)
    expect(has(await take(hourMs), id)).toBe(false)
  })

  it('keeps an earlier time, and a time that was noted during a lease', async () => {
    const id = randomUUID()
    const now = await store().time()
    await store().noteDue(id, now - 1000)
    await store().noteDue(id, now + hourMs)
    const due = await take(hourMs)
    expect(has(due, id)).toBe(true)
    await store().noteDue(id, now - 500)
    await store().settleDue(id, due.leasedUntil, undefined)
    const again = await take(2 * hourMs)
    expect(has(again, id)).toBe(true)
    await store().settleDue(id, again.leasedUntil, now - 200)
    const third = await take(hourMs)
    expect(has(third, id)).toBe(true)
    await store().settleDue(id, third.leasedUntil, undefined)
    expect(has(await take(hourMs), id)).toBe(false)
  })

  it('keeps a time after the end of the lease that was noted during the lease', async () => {
    const id = randomUUID()
    const now = await store().time()
    await store().noteDue(id, now - 1000)
    const due = await take(50)
    expect(has(due, id)).toBe(true)
    await store().noteDue(id, due.leasedUntil + 100)
    await store().settleDue(id, due.leasedUntil, undefined)
    await expect.poll(async () => has(await take(hourMs), id)).toBe(true)
  })
}
