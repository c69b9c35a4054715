/** Every call that changes something, made twice with one nonce. */
import { expect, it } from 'vitest'

import type { Conversation } from '../conversation.ts'
import { answer, converse, letter, postOptions, said } from '../conversation.ts'
import type { Subject } from './subject.ts'

/** Everything that a client could see of a session, but for the time of the last write. */
async function everything({ store, id }: Conversation) {
  const record = await store.session(id)
  return {
    record: record && { ...record, updatedAt: 0 },
    messages: await store.messages(id),
    mailbox: await store.mailbox(id),
    branches: await store.branches(id),
    context: await store.context(id),
    log: record?.turn && (await store.readLog(id, record.turn.logId, undefined, 100)),
  }
}

async function twice<REPLY>(talk: Conversation, call: () => Promise<REPLY>): Promise<REPLY> {
  const first = await call()
  const after = await everything(talk)
  expect(await call()).toEqual(first)
  expect(await everything(talk)).toEqual(after)
  return first
}

export function repeating({ store }: Subject): void {
  it('is done once, and answered twice', async () => {
    const talk = converse(store())
    const at = { sessionId: talk.id, nonce: 'n', instance: 'one' }
    const postTwice = (
      waiting: ReturnType<typeof letter>,
      whenBusy: 'queue' | 'steer' = 'queue',
    ) => {
      const options = { ...postOptions(), whenBusy }
      return twice(talk, () => talk.store.post(talk.id, waiting, options))
    }
    const begun = await postTwice(letter('m1'))
    if (begun.status !== 'claimed') throw new Error(begun.status)
    await postTwice(letter('m2'))
    await postTwice(letter('s1'), 'steer')
    await postTwice(letter('m3'))
    const { claim, lastId } = begun.claim
    expect(await twice(talk, () => talk.store.takeSteered({ ...at, claim }))).toHaveLength(1)
    const withdraw = () => talk.store.withdraw(talk.id, 'm3', { nonce: 'n', tenant: '' })
    expect(await twice(talk, withdraw)).toBe(true)
    const stop = () => talk.store.requestStop(talk.id, { nonce: 'n', tenant: '' })
    expect(await twice(talk, stop)).toBe(true)
    const summary = { text: 'So far.', through: 'm1', tokens: 2 }
    expect(await twice(talk, () => talk.store.saveSummary({ ...at, claim }, summary))).toBe('done')
    const commit = {
      state: 'waiting',
      message: said('re-m1', 'assistant'),
      logTtlMs: 1000,
    } as const
    const finished = await twice(talk, () =>
      talk.store.finish({ ...at, claim, logId: 're-m1', lastId }, commit),
    )
    if (finished.status !== 'done' || !finished.next) throw new Error('m2 was not taken')
    const second = finished.next
    const settled = await twice(talk, () =>
      talk.store.settleAbandoned({ ...at, claim: second.claim, logId: 're-m1' }, commit),
    )
    expect(settled).toBe('done')
    const options = { nonce: 'n', instance: 'two', handOver: false }
    const third = await twice(talk, () => talk.store.takeOver(talk.id, second.claim, options))
    expect(third).toMatchObject({ letter: letter('m2'), takeovers: [expect.any(Number)] })
    const copy = converse(store())
    const fork = { newId: copy.id, tenant: '', nonce: 'n' }
    expect(await twice(copy, () => talk.store.fork(talk.id, fork))).toBe(true)
    const remove = () => talk.store.remove(talk.id, { tenant: '', nonce: 'n' })
    expect(await twice(talk, remove)).toBe(true)
  })

  it('is answered as it was, whatever happened since', async () => {
    const talk = converse(store())
    const options = postOptions()
    const begun = await talk.store.post(talk.id, letter('m1'), options)
    if (begun.status !== 'claimed') throw new Error(begun.status)
    await talk.finish(begun.claim, { nonce: 'finish' })
    const second = await talk.claim(letter('m2'))
    expect(await talk.store.post(talk.id, letter('m1'), options)).toEqual(begun)
    expect(await talk.finish(begun.claim, { nonce: 'finish' })).toEqual({ status: 'done' })
    expect(await talk.store.owns(talk.id, second.claim)).toBe(true)
  })

  it('is refused twice, where it was refused', async () => {
    const talk = converse(store())
    const options = postOptions()
    const post = () => talk.store.post(talk.id, answer('a1', 're-m1'), options)
    expect(await post()).toEqual({ status: 'refused' })
    await talk.finish(await talk.claim(letter('m1')), { state: 'waiting' })
    expect(await post()).toEqual({ status: 'refused' })
  })

  it('keeps two kinds of call apart that share a nonce', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'), { nonce: 'same' })
    expect(await talk.store.requestStop(talk.id, { nonce: 'same', tenant: '' })).toBe(true)
    expect(await talk.finish(claim, { nonce: 'same' })).toEqual({ status: 'done' })
  })

  it('loses no wake-up between posts and the ends of turns', async () => {
    const talk = converse(store())
    const ran: string[] = []
    const run = async (claim: Awaited<ReturnType<Conversation['claim']>> | undefined) => {
      while (claim !== undefined) {
        ran.push(claim.letter.id)
        const reply = await talk.finish(claim)
        claim = reply.status === 'done' ? reply.next : undefined
      }
    }
    const ids = Array.from({ length: 200 }, (_, index) => `m${index}`)
    await Promise.all(
      ids.map(async (id, index) => {
        // In waves, so that posts meet the end of a queue as well as its middle.
        for (let turns = 0; turns < index % 40; turns += 1) await talk.store.owns(talk.id, 0)
        const reply = await talk.post(letter(id), { mailboxLimit: 1000 })
        if (reply.status === 'claimed') await run(reply.claim)
      }),
    )
    expect(ran.toSorted()).toEqual(ids.toSorted())
    expect(await talk.store.session(talk.id)).toMatchObject({ state: 'idle', queued: 0 })
    expect(await talk.history()).toHaveLength(400)
  })
}
