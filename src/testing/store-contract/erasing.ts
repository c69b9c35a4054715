/** The erasure of all data of a tenant or of a subject. */
import { randomUUID } from 'node:crypto'

import { converse, letter, postOptions } from './conversation.ts'
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

/** Characters that have a meaning in patterns, keys and lines. */
const odd = () => `*?[a]\\ {}/:% ${randomUUID()}`

export function erasing({ it, store }: Subject): void {
  it('of a tenant removes its sessions and the marks of its deleted ones', async () => {
    const [tenant, other] = [odd(), odd()]
    const [talk, gone, kept] = [converse(store()), converse(store(), odd()), converse(store())]
    await talk.turn(letter('m1'), { tenant, subject: 'ada' })
    await talk.post(letter('m2'), { tenant })
    await gone.turn(letter('m1'), { tenant })
    await talk.store.remove(gone.id, { tenant })
    await kept.turn(letter('m1'), { tenant: other })

    const ids = await talk.store.ownedSessions({ tenant })
    expect(ids.toSorted()).toEqual([talk.id, gone.id].toSorted())
    const { removed, left } = await talk.store.erase(ids, { tenant })
    expect(removed).toBeGreaterThan(1)
    expect(left).toBe(0)

    expect(await talk.store.ownedSessions({ tenant })).toEqual([])
    expect(await talk.store.session(talk.id)).toBeUndefined()
    expect(await talk.store.isDeleted(gone.id)).toBe(false)
    expect(await talk.history()).toEqual([])
    expect(await talk.queue()).toEqual([])
    expect((await talk.store.list(tenant, { limit: 10 })).sessions).toEqual([])
    expect(await kept.history()).toEqual(['m1', 're-m1'])
    expect(await talk.store.ownedSessions({ tenant: other })).toEqual([kept.id])
  })

  it('of a subject leaves the sessions of others, also those shared with it', async () => {
    const [tenant, subject] = [odd(), odd()]
    const [own, copy, shared] = [converse(store()), converse(store()), converse(store())]
    await own.turn(letter('m1'), { tenant, subject })
    await own.store.fork(own.id, { newId: copy.id, tenant, subject })
    await shared.turn(letter('m1'), { tenant, subject: 'bob' })
    await shared.store.setMembers(shared.id, [{ subject, role: 'writer' }], { tenant })

    const owner = { tenant, subject }
    const ids = await own.store.ownedSessions(owner)
    expect(ids.toSorted()).toEqual([own.id, copy.id].toSorted())
    expect(await own.store.erase(ids, owner)).toMatchObject({ left: 0 })
    expect(await own.store.ownedSessions(owner)).toEqual([])
    expect(await copy.history()).toEqual([])
    expect(await shared.history()).toEqual(['m1', 're-m1'])
    expect(await own.store.ownedSessions({ tenant })).toEqual([shared.id])
  })

  it('of a running turn ends its claim, and a later post begins anew', async () => {
    const tenant = odd()
    const talk = converse(store())
    const running = await talk.claim(letter('m1'), { tenant })
    await talk.append(running, 1)
    await talk.store.erase([talk.id], { tenant })
    expect(await talk.append(running, 2)).not.toMatchObject({ status: 'appended' })
    expect(await talk.finish(running)).not.toMatchObject({ status: 'done' })
    expect(await talk.store.ownedSessions({ tenant })).toEqual([])
    const next = await talk.store.post(talk.id, letter('m1'), { ...postOptions(), tenant })
    expect(next).toMatchObject({ status: 'claimed' })
  })

  it('finds the tenants that have sessions', async () => {
    const [tenant, other] = [odd(), odd()]
    const [talk, kept] = [converse(store()), converse(store())]
    await talk.turn(letter('m1'), { tenant })
    await kept.turn(letter('m1'), { tenant: other, subject: 'ada' })
    const found = async () =>
      (await talk.store.tenants()).filter((each) => each === tenant || each === other).toSorted()
    expect(await found()).toEqual([tenant, other].toSorted())
    await talk.store.erase([talk.id], { tenant })
    expect(await found()).toEqual([other])
  })

  it('twice changes nothing', async () => {
    const tenant = odd()
    const talk = converse(store())
    await talk.turn(letter('m1'), { tenant })
    await talk.store.erase([talk.id], { tenant })
    expect(await talk.store.erase([talk.id], { tenant })).toEqual({ removed: 0, left: 0 })
  })
}
