import { noSpending, type Spending } from '../../spending.ts'
import type { Claim } from '../../store/turn.ts'
import { noUsage } from '../../usage.ts'
import type { Conversation } from './conversation.ts'
import { answer, converse, letter, nextOf, regenerate, said } from './conversation.ts'
/** A message that waits for its answer or is abandoned. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const waits = { state: 'waiting' } as const

const settle = (talk: Conversation, { claim }: Claim, logId: string, text = 'settled') =>
  talk.store.settleAbandoned(
    { sessionId: talk.id, claim, logId },
    { message: said(logId, 'assistant', text), logTtlMs: 60_000 },
  )

const isSettled = (logId: string) => said(logId, 'assistant', 'settled')

const spent = (inputTokens: number, usd: number, isCostKnown = true): Spending => ({
  usage: { ...noUsage, inputTokens, outputTokens: 1, totalTokens: inputTokens + 1 },
  usd,
  isCostKnown,
})

export function waiting({ it, store }: Subject): void {
  it('adds its cost once, when it is finished', async () => {
    const talk = converse(store())
    const first = await talk.claim(letter('m1'))
    await talk.finish(first, { ...waits, spent: spent(10, 0.25) })
    const total = async () => (await talk.store.session(talk.id))?.spent ?? noSpending
    expect(await total()).toEqual(noSpending)
    const resumed = await talk.claim(answer('a1', 're-m1'))
    await talk.finish(resumed, { spent: spent(30, 0.5) })
    // A second end of the same claim changes nothing.
    await talk.finish(resumed, { spent: spent(30, 0.5) })
    expect(await total()).toEqual(spent(30, 0.5))
    // A message that is removed from the history still costs.
    const discarded = await talk.claim(letter('m2'))
    await talk.finish(discarded, { discard: true, spent: spent(5, 0.000001) })
    const left = await talk.claim(letter('m3'))
    await talk.finish(left, { ...waits, spent: spent(7, 0) })
    const next = await talk.claim(letter('m4'))
    await talk.store.settleAbandoned(
      { sessionId: talk.id, claim: next.claim, logId: 're-m3' },
      { message: said('re-m3', 'assistant'), logTtlMs: 60_000, spent: spent(7, 0, false) },
    )
    await talk.finish(next)
    expect(await total()).toMatchObject({
      usage: { inputTokens: 42, outputTokens: 3, totalTokens: 45 },
      isCostKnown: false,
    })
    expect((await total()).usd).toBeCloseTo(0.500001, 9)
  })

  it('continues its log when the answer comes', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    await talk.store.noteReader(talk.id, 're-m1', 'v6')
    expect(await talk.finish(claim, waits)).toEqual({ status: 'done' })
    expect(await talk.store.session(talk.id)).toMatchObject({ state: 'waiting' })
    expect(await talk.append(claim, 2)).toEqual({ status: 'lost' })
    expect(await talk.store.requestStop(talk.id, { tenant: '' })).toBe(false)
    // The unfinished answer is only in its log.
    expect(await talk.history()).toEqual(['m1'])
    const resumed = await talk.claim(answer('a1', 're-m1'))
    expect(resumed).toMatchObject({
      letter: answer('a1', 're-m1'),
      logId: 're-m1',
      resumed: true,
      floor: 'v6',
    })
    expect(resumed).not.toHaveProperty('abandoned')
    expect(await talk.post(answer('a1', 're-m1'))).toMatchObject({ status: 'known', as: 'running' })
    await talk.append(resumed, 1)
    const page = await talk.store.readLog(talk.id, 're-m1', undefined, 10)
    expect(page?.entries.map(({ id }) => id)).toEqual([
      claim.lastId,
      `${claim.claim}-1`,
      resumed.lastId,
      `${resumed.claim}-1`,
    ])
    await talk.finish(resumed, { message: said('re-m1', 'assistant', 'whole') })
    expect(await talk.store.messages(talk.id)).toEqual([
      said('m1'),
      said('re-m1', 'assistant', 'whole'),
    ])
  })

  it('gets answers first, and drops others', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    for (const id of ['a1', 'a2', 'a3']) {
      // An answer is never refused because the session is busy.
      const reply = await talk.post(answer(id, 're-m1'), { whenBusy: 'reject' })
      expect(reply).toMatchObject({ status: 'queued' })
    }
    expect(await talk.queue()).toEqual(['a1', 'a2', 'a3', 'm2'])
    const first = nextOf(await talk.finish(claim, waits))
    expect(first).toMatchObject({ letter: { id: 'a1' }, resumed: true, logId: 're-m1' })
    const second = nextOf(await talk.finish(first, waits))
    expect(second).toMatchObject({ letter: { id: 'a2' } })
    expect(nextOf(await talk.finish(second))).toMatchObject({ letter: { id: 'm2' } })
    expect(await talk.post(answer('a3', 're-m1'))).toMatchObject({ status: 'known', as: 'cut' })
    expect(await talk.post(answer('a1', 're-m1'))).toMatchObject({ status: 'known', as: 'done' })
  })

  it('is abandoned by a new message and keeps its place', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    await talk.finish(claim, waits)
    const next = await talk.claim(letter('m2'))
    expect(next).toMatchObject({ abandoned: 're-m1', resumed: false, logId: 're-m2' })
    // Its readers wait for the end.
    expect(await talk.store.readLog(talk.id, 're-m1', undefined, 10)).toMatchObject({
      finished: false,
    })
    expect(await settle(talk, next, 're-m1')).toBe('done')
    expect(await talk.store.messages(talk.id)).toEqual([said('m1'), isSettled('re-m1'), said('m2')])
    const page = await talk.store.readLog(talk.id, 're-m1', undefined, 10)
    expect(page).toMatchObject({ finished: true, entries: [{}, { id: `${claim.claim}-1` }] })
    expect(await talk.store.findLog(talk.id, `${claim.claim}-1`)).toBe('re-m1')
  })

  it('is abandoned by a message that was queued earlier', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    const next = nextOf(await talk.finish(claim, waits))
    expect(next).toMatchObject({ letter: { id: 'm2' }, abandoned: 're-m1' })
  })

  it('comes before the new message if it was never committed', async () => {
    const talk = converse(store())
    const { claim, logId, lastId } = await talk.claim(letter('m1'))
    await talk.store.finish(
      { sessionId: talk.id, claim, logId, lastId, instance: 'one' },
      { state: 'waiting', logTtlMs: 1000 },
    )
    const next = await talk.claim(letter('m2'))
    await settle(talk, next, 're-m1')
    expect(await talk.history()).toEqual(['m1', 're-m1', 'm2'])
  })

  it('is settled by a successor after a takeover', async () => {
    const talk = converse(store())
    await talk.finish(await talk.claim(letter('m1')), waits)
    const next = await talk.claim(letter('m2'))
    const options = { instance: 'two', handOver: false }
    const successor = await talk.store.takeOver(talk.id, next.claim, options)
    expect(successor).toMatchObject({ abandoned: 're-m1' })
    expect(await settle(talk, next, 're-m1', 'stale')).toBe('lost')
    const at = { sessionId: talk.id, claim: successor?.claim ?? 0, logId: 're-m1' }
    const commit = { message: isSettled('re-m1'), logTtlMs: 1000 }
    expect(await talk.store.settleAbandoned(at, commit)).toBe('done')
    expect(await talk.store.messages(talk.id)).toEqual([said('m1'), isSettled('re-m1'), said('m2')])
  })

  it('is settled in the branch that the new message cut', async () => {
    for (const cutAt of ['re-m1', 'm1']) {
      const talk = converse(store())
      await talk.finish(await talk.claim(letter('m1')), waits)
      const next = await talk.claim(regenerate('r1', cutAt))
      expect(next).toMatchObject({ abandoned: 're-m1' })
      await settle(talk, next, 're-m1')
      const [branch] = await talk.store.branches(talk.id)
      expect(branch?.messages.at(-1)).toEqual(isSettled('re-m1'))
      expect(await talk.history()).toEqual(cutAt === 'm1' ? [] : ['m1'])
    }
  })

  it('is removed as a whole by a rollback', async () => {
    const talk = converse(store())
    await talk.finish(await talk.claim(letter('m1')), waits)
    const resumed = await talk.claim(answer('a1', 're-m1'))
    await talk.finish(resumed, { discard: true })
    expect(await talk.history()).toEqual([])
    expect(await talk.post(letter('m1'))).toMatchObject({ status: 'known', as: 'withdrawn' })
    expect(await talk.post(answer('a1', 're-m1'))).toMatchObject({ as: 'withdrawn' })
  })
}
