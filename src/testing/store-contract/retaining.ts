/** The sessions of an agent by their last message. */
import { randomUUID } from 'node:crypto'

import type { UnusedSessions } from '../../store/retention.ts'
import { converse, letter } from './conversation.ts'
import { until } from './deadline.ts'
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

export function retaining({ it, store }: Subject): void {
  const options = { unusedMs: 5, limit: 10, leaseMs: 60_000 }
  const postTo = (agent: string) => ({ agent, tenant: 'acme' })

  it('without a message for a time are found, and leased', async () => {
    const [agent, other] = [randomUUID(), randomUUID()]
    const [talk, theirs] = [converse(store()), converse(store())]
    await talk.turn(letter('m1'), postTo(agent))
    await theirs.turn(letter('m1'), postTo(other))
    const take = async (more = {}) => store().takeUnused(agent, { ...options, ...more })
    expect((await take({ unusedMs: 3_600_000 })).sessionIds).toEqual([])
    let taken: UnusedSessions = { sessionIds: [], lease: 0 }
    await until(1000, 'the unused session', async () => {
      taken = await take()
      return taken.sessionIds.length > 0
    })
    expect(taken.sessionIds).toEqual([talk.id])
    const { lease } = taken
    expect((await take()).sessionIds).toEqual([])
    // A message after the look counts, so the end of the look does not remove the session.
    await talk.turn(letter('m2'), postTo(agent))
    await store().settleUnused(agent, talk.id, { lease })
    await until(1000, 'the session is found again', async () => {
      taken = await take()
      return taken.sessionIds.length > 0
    })
    await store().settleUnused(agent, talk.id, { lease: taken.lease })
    expect((await store().session(talk.id))?.agent).toBe(agent)
  })

  it('are deleted only without a message since then, and not while a turn runs', async () => {
    const tenant = 'acme'
    const talk = converse(store())
    await talk.turn(letter('m1'), { tenant })
    const { updatedAt: unusedSince = 0 } = (await store().session(talk.id)) ?? {}
    await until(1000, 'a later message', async () => {
      await talk.turn(letter(randomUUID()), { tenant })
      return (await store().session(talk.id))?.updatedAt !== unusedSince
    })
    expect(await store().remove(talk.id, { tenant, unusedSince })).toBe(false)
    const running = await talk.claim(letter('last'), { tenant })
    const { updatedAt: last = 0 } = (await store().session(talk.id)) ?? {}
    expect(await store().remove(talk.id, { tenant, unusedSince: last })).toBe(false)
    await talk.finish(running)
    expect(await store().remove(talk.id, { tenant, unusedSince: last })).toBe(true)
    expect(await talk.history()).toEqual([])
  })
}
