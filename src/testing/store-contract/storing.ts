/** What owners store: the sums of their sessions and bytes. They may follow a change a moment later. */
import { randomUUID } from 'node:crypto'

import type { StorageOwner, StoredAmount } from '../../store/storage.ts'
import { converse, letter, regenerate, said } from './conversation.ts'
import { until } from './deadline.ts'
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const name = () => `*a[b]{}/:% ${randomUUID()}`
const newOwner = () => ({ tenant: name(), subject: name() })
const nothing = { sessions: 0, bytes: 0 }

export function storing({ it, store }: Subject): void {
  /** Waits until an owner stores this, and returns the amount. */
  const stores = async (
    owner: StorageOwner,
    label: string,
    fits: (amount: StoredAmount) => boolean,
  ): Promise<StoredAmount> => {
    let amount = nothing
    await until(1000, label, async () => {
      amount = await store().storedAmount(owner)
      return fits(amount)
    })
    return amount
  }
  const storesNothing = (owner: StorageOwner) =>
    stores(owner, 'nothing stored', ({ sessions, bytes }) => sessions === 0 && bytes === 0)

  it('counts the sessions and messages of each subject, and of the tenant without one', async () => {
    const owner = newOwner()
    const { tenant } = owner
    const [one, two, whole] = [converse(store()), converse(store()), converse(store())]
    expect(await store().storedAmount(owner)).toEqual(nothing)
    await one.turn(letter('m1', { message: said('m1', 'user', 'x'.repeat(1000)) }), owner)
    const { bytes = 0 } = (await store().session(one.id)) ?? {}
    expect(bytes).toBeGreaterThan(1000)
    const first = await stores(owner, 'the size of the session', (now) => now.bytes === bytes)
    expect(first.sessions).toBe(1)
    await two.turn(letter('m1', { message: said('m1', 'user', 'x'.repeat(100)) }), owner)
    await whole.turn(letter('m1'), { tenant })
    await stores(owner, 'two sessions', ({ sessions }) => sessions === 2)
    await stores({ tenant }, 'the session of the tenant', ({ sessions }) => sessions === 1)
    // Another subject writes to the session of the first one.
    const { bytes: before } = await stores(owner, 'both sizes', (now) => now.bytes > bytes + 100)
    await one.turn(letter('m2'), { tenant, subject: 'bob' })
    await stores(owner, 'the new message', (now) => now.bytes > before)
    expect(await store().storedAmount({ tenant, subject: 'bob' })).toEqual(nothing)
  })

  it('counts a message that was cut, and none that was discarded', async () => {
    const owner = newOwner()
    const talk = converse(store())
    const bytesOf = async () => (await store().session(talk.id))?.bytes
    await talk.turn(letter('m1'), owner)
    const bytes = await bytesOf()
    const again = await talk.claim(regenerate('r1', 're-m1'), owner)
    expect(await bytesOf()).toBe(bytes)
    await talk.finish(again, { discard: true })
    expect(await bytesOf()).toBe(bytes)
    await stores(owner, 'the same size', (now) => now.bytes === bytes)
  })

  it('counts files, forks and schedules, and nothing of a deleted session', async () => {
    const owner = newOwner()
    const [talk, timed] = [converse(store()), converse(store())]
    await talk.turn(letter('m1'), owner)
    const { bytes = 0 } = (await store().session(talk.id)) ?? {}
    await store().noteFileBytes(talk.id, 500)
    await store().noteFileBytes(talk.id, 700)
    expect((await store().session(talk.id))?.bytes).toBe(bytes + 700)
    await stores(owner, 'the files', (now) => now.bytes === bytes + 700)
    const copy = randomUUID()
    await store().fork(talk.id, { newId: copy, ...owner })
    const schedule = { id: 'tea', rule: { kind: 'once' as const }, letter: letter('') }
    const times = { occurrence: 0, dueAt: 9_000_000_000_000, createdAt: 0 }
    const options = { ...owner, agent: 'assistant', schedulesMax: 10 }
    await store().addSchedule(timed.id, { ...schedule, ...times }, options)
    await stores(owner, 'three sessions', ({ sessions }) => sessions === 3)
    for (const id of [talk.id, copy, timed.id]) await store().remove(id, owner)
    await storesNothing(owner)
  })

  it('reserves a place for a session, which ends if the session does not begin', async () => {
    const owner = newOwner()
    const [talk, other] = [converse(store()), converse(store())]
    const reserve = (id: string, of: StorageOwner = owner, leaseMs = 30_000) =>
      store().reserveSession(id, { owner: of, max: 1, leaseMs })
    expect(await reserve(talk.id, owner, 20)).toBe(true)
    expect(await reserve(talk.id, owner, 20)).toBe(true)
    await until(1000, 'the end of the reservation', () => reserve(other.id))
    expect(await reserve(talk.id)).toBe(false)
    await other.turn(letter('m1'), owner)
    expect(await reserve(other.id)).toBe(true)
    expect(await reserve(talk.id)).toBe(false)
    expect(await reserve(talk.id, newOwner())).toBe(true)
    await stores(owner, 'the size of the session', ({ bytes }) => bytes > 0)
    await store().remove(other.id, owner)
    await until(1000, 'the place of the deleted session', () => reserve(talk.id))
  })

  it('has nothing of an erased owner', async () => {
    const owner = newOwner()
    const { tenant } = owner
    const bob = { tenant, subject: 'bob' }
    const [own, kept] = [converse(store()), converse(store())]
    await own.turn(letter('m1'), owner)
    await kept.turn(letter('m1'), bob)
    const isNoted = ({ bytes }: StoredAmount) => bytes > 0
    for (const each of [owner, bob]) await stores(each, 'a session', isNoted)
    await store().erase([own.id], owner)
    await storesNothing(owner)
    expect((await store().storedAmount(bob)).sessions).toBe(1)
    await store().erase([kept.id], { tenant })
    await storesNothing(bob)
  })
}
