import type { Conversation } from './conversation.ts'
import { converse, letter, nextOf, regenerate } from './conversation.ts'
/** The effect of letters on a running turn, and the intents that its owner gets. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

export function busy({ it, store }: Subject): void {
  it('stops for an interrupting letter, which is next', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: false })
    const reply = await talk.post(letter('m3'), { whenBusy: 'interrupt' })
    expect(reply).toEqual({ status: 'queued', position: 0, steered: false })
    await talk.post(letter('m4'), { whenBusy: 'interrupt' })
    expect(await talk.append(claim, 2)).toEqual({ status: 'appended', steer: false, stop: 'keep' })
    const next = nextOf(await talk.finish(claim))
    expect(next).toMatchObject({ letter: { id: 'm3' } })
    expect(next).not.toHaveProperty('stop')
    expect(await talk.queue()).toEqual(['m4', 'm2'])
    expect(await talk.append(next, 1)).toEqual({ status: 'appended', steer: false })
  })

  it('loses its messages for good after a rollback', async () => {
    const talk = converse(store())
    await talk.turn(letter('m0'))
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('s1'), { whenBusy: 'steer' })
    await talk.store.takeSteered({ sessionId: talk.id, claim: claim.claim })
    expect(await talk.history()).toEqual(['m0', 're-m0', 'm1', 's1'])
    await talk.post(letter('m2'), { whenBusy: 'rollback' })
    expect(await talk.append(claim, 1)).toMatchObject({ stop: 'discard' })
    nextOf(await talk.finish(claim, { discard: true }))
    expect(await talk.history()).toEqual(['m0', 're-m0', 'm2'])
    expect(await talk.post(letter('m1'))).toMatchObject({ status: 'known', as: 'withdrawn' })
    expect(await talk.post(letter('s1'))).toMatchObject({ status: 'known', as: 'withdrawn' })
  })

  it('keeps a rollback that comes before or after a stop', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.store.requestStop(talk.id, { tenant: '' })
    expect(await talk.append(claim, 1)).toMatchObject({ stop: 'keep' })
    await talk.post(letter('m2'), { whenBusy: 'rollback' })
    await talk.post(letter('m3'), { whenBusy: 'interrupt' })
    await talk.store.requestStop(talk.id, { tenant: '' })
    expect(await talk.append(claim, 2)).toMatchObject({ stop: 'discard' })
  })

  it('receives its steered letters', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    for (const id of ['s1', 's2']) {
      expect(await talk.post(letter(id), { whenBusy: 'steer' })).toMatchObject({ steered: true })
    }
    expect(await talk.queue()).toEqual(['s1', 's2', 'm2'])
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: true })
    const at = { sessionId: talk.id, claim: claim.claim }
    expect(await talk.store.takeSteered(at)).toEqual([letter('s1'), letter('s2')])
    expect(await talk.store.takeSteered(at)).toEqual([])
    expect(await talk.append(claim, 2)).toEqual({ status: 'appended', steer: false })
    expect(await talk.history()).toEqual(['m1', 's1', 's2'])
    // It is now part of the answer of the running turn.
    expect(await talk.post(letter('s1'))).toEqual({
      status: 'known',
      as: 'running',
      replyId: 're-m1',
    })
    await talk.finish(claim)
    expect(await talk.history()).toEqual(['m1', 's1', 's2', 're-m1', 'm2'])
  })

  it('leaves an untaken steered letter for the next turn', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    await talk.post(letter('s1'), { whenBusy: 'steer' })
    expect(nextOf(await talk.finish(claim))).toMatchObject({ letter: { id: 's1' } })
  })

  it('leaves further steered letters to the next turn', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    for (const id of ['s1', 's2']) await talk.post(letter(id), { whenBusy: 'steer' })
    const next = nextOf(await talk.finish(claim))
    expect(next).toMatchObject({ letter: { id: 's1' } })
    expect(await talk.append(next, 1)).toEqual({ status: 'appended', steer: true })
    const at = { sessionId: talk.id, claim: next.claim }
    expect(await talk.store.takeSteered(at)).toEqual([letter('s2')])
  })

  it('receives no steered letter that was withdrawn', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('s1'), { whenBusy: 'steer' })
    expect(await talk.store.withdraw(talk.id, 's1', { tenant: '' })).toBe(true)
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: false })
  })

  it('receives no steered letter after a stop request', async () => {
    const talk = converse(store())
    await talk.claim(letter('m1'))
    await talk.post(letter('m2'), { whenBusy: 'interrupt' })
    expect(await talk.post(letter('s1'), { whenBusy: 'steer' })).toMatchObject({ steered: false })
    expect(await talk.queue()).toEqual(['m2', 's1'])
  })

  it('receives no steered letter that cuts the history', async () => {
    const talk = converse(store())
    await talk.turn(letter('m0'))
    await talk.claim(letter('m1'))
    const reply = await talk.post(regenerate('r1', 're-m0'), { whenBusy: 'steer' })
    expect(reply).toMatchObject({ status: 'queued', steered: false })
  })

  it('stops if the request names it, and only then', async () => {
    const talk = converse(store())
    const stop = (logId?: string) =>
      talk.store.requestStop(talk.id, { tenant: '', ...(logId !== undefined && { logId }) })
    expect(await stop()).toBe(false)
    const claim = await talk.claim(letter('m1'))
    expect(await stop('re-m0')).toBe(false)
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: false })
    expect(await stop('re-m1')).toBe(true)
    expect(await talk.append(claim, 2)).toMatchObject({ stop: 'keep' })
    expect(await talk.store.session(talk.id)).toMatchObject({ turn: { stop: 'keep' } })
    await talk.finish(claim)
    expect(await stop('re-m1')).toBe(false)
  })

  it('passes a stop request to a successor', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'), { whenBusy: 'rollback' })
    const successor = await talk.store.takeOver(talk.id, claim.claim, {
      instance: 'two',
      handOver: false,
    })
    expect(successor).toMatchObject({ stop: 'discard' })
  })

  it('ends without losing a letter of simultaneous posts', async () => {
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
