import type { QueueOnStop } from '../../store/letter.ts'
import type { Conversation } from './conversation.ts'
import { answer, converse, letter, nextOf, regenerate } from './conversation.ts'
/** The effect of a stop on the letters that wait. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const stop = (talk: Conversation, queue?: QueueOnStop) =>
  talk.store.requestStop(talk.id, {
    tenant: '',
    ...(queue !== undefined && { queue }),
  })
const run = (talk: Conversation, agents?: readonly string[]) =>
  talk.store.runQueue(talk.id, {
    tenant: '',
    instance: 'one',
    ...(agents !== undefined && { agents }),
  })

/** A turn that ended after a stop, with m2 and m3 in the queue. */
async function stopped(talk: Conversation, queue?: QueueOnStop) {
  const claim = await talk.claim(letter('m1'))
  await talk.post(letter('m2'))
  await talk.post(letter('m3'))
  expect(await stop(talk, queue)).toBe(true)
  expect(await talk.append(claim, 1)).toMatchObject({ stop: 'keep' })
  return talk.finish(claim)
}

export function stopping({ it, store }: Subject): void {
  it('holds the queue until `runQueue`', async () => {
    const talk = converse(store())
    expect(await stopped(talk, 'hold')).toEqual({ status: 'done' })
    expect(await talk.store.session(talk.id)).toMatchObject({
      state: 'idle',
      queued: 2,
      held: true,
    })
    expect(await talk.post(letter('m2'))).toMatchObject({ status: 'known', as: 'queued' })
    const reply = await run(talk)
    expect(reply).toMatchObject({ isRunning: true, next: { letter: { id: 'm2' }, logId: 're-m2' } })
    expect(await talk.store.session(talk.id)).not.toHaveProperty('held')
    if (reply.next === undefined) throw new Error('no turn began')
    expect(nextOf(await talk.finish(reply.next))).toMatchObject({ letter: { id: 'm3' } })
    expect(await talk.history()).toEqual(['m1', 're-m1', 'm2', 're-m2', 'm3'])
  })

  it('holds the queue until the next post, which comes last', async () => {
    const talk = converse(store())
    await stopped(talk, 'hold')
    const reply = await talk.post(letter('m4'))
    expect(reply).toMatchObject({ status: 'queued', position: 1, next: { letter: { id: 'm2' } } })
    expect(await talk.queue()).toEqual(['m3', 'm4'])
    expect(await talk.store.session(talk.id)).toMatchObject({ state: 'running', queued: 2 })
  })

  it('lets an interrupting post pass the letters it holds', async () => {
    for (const whenBusy of ['reject', 'interrupt', 'rollback'] as const) {
      const talk = converse(store())
      await stopped(talk, 'hold')
      const claim = await talk.claim(letter('m4'), { whenBusy })
      expect(nextOf(await talk.finish(claim))).toMatchObject({ letter: { id: 'm2' } })
    }
    const talk = converse(store())
    await stopped(talk, 'hold')
    const claim = await talk.claim(regenerate('r1', 're-m1'))
    expect(await talk.history()).toEqual(['m1'])
    expect(nextOf(await talk.finish(claim))).toMatchObject({ letter: { id: 'm2' } })
  })

  it('holds no queue after a post to the running turn', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    await stop(talk, 'hold')
    await talk.post(letter('m3'))
    expect(nextOf(await talk.finish(claim))).toMatchObject({ letter: { id: 'm2' } })
  })

  it('holds the queue also after a takeover', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    await stop(talk, 'hold')
    const options = { instance: 'two', handOver: true }
    const taken = await talk.store.takeOver(talk.id, claim.claim, options)
    expect(taken).toMatchObject({ stop: 'keep' })
    if (taken === undefined) throw new Error('it was not taken over')
    expect(await talk.finish(taken)).toEqual({ status: 'done' })
    expect(await talk.queue()).toEqual(['m2'])
  })

  it('does not hold an answer to a waiting message', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(answer('a1', 're-m1'))
    await talk.post(letter('m2'))
    await stop(talk, 'hold')
    const resumed = nextOf(await talk.finish(claim, { state: 'waiting' }))
    expect(resumed).toMatchObject({ letter: { id: 'a1' }, logId: 're-m1' })
    expect(await talk.finish(resumed)).toEqual({ status: 'done' })
    expect(await talk.queue()).toEqual(['m2'])
  })

  it('clears the queue and keeps its ids', async () => {
    const talk = converse(store())
    expect(await stopped(talk, 'clear')).toEqual({ status: 'done' })
    expect(await talk.queue()).toEqual([])
    expect(await talk.post(letter('m3'))).toMatchObject({ status: 'known', as: 'withdrawn' })
    const held = converse(store())
    await stopped(held, 'hold')
    expect(await stop(held, 'clear')).toBe(false)
    expect(await held.queue()).toEqual([])
    expect(await run(held)).toEqual({ isRunning: false })
    expect(await held.claim(letter('m4'))).toMatchObject({ letter: { id: 'm4' } })
  })

  it('runs the queue by default, and on request', async () => {
    for (const queue of ['run', undefined] as const) {
      const talk = converse(store())
      expect(nextOf(await stopped(talk, queue))).toMatchObject({ letter: { id: 'm2' } })
    }
  })

  it('leaves a held letter to instances with its agent', async () => {
    const talk = converse(store())
    await stopped(talk, 'hold')
    expect(await run(talk, ['another'])).toEqual({ isRunning: true, isLeft: true })
    expect(await talk.store.session(talk.id)).toMatchObject({
      turn: { letterId: 'm2', owner: 'handed-over:one' },
    })
  })

  it('has no effect on the queue of another tenant', async () => {
    const talk = converse(store())
    await stopped(talk, 'hold')
    const other = { tenant: 'other', instance: 'one' }
    expect(await talk.store.runQueue(talk.id, other)).toEqual({ isRunning: false })
    expect(await talk.store.requestStop(talk.id, { ...other, queue: 'clear' })).toBe(false)
    expect(await talk.queue()).toEqual(['m2', 'm3'])
  })
}
