import { type Claim, handedOver } from '../../store/turn.ts'
import type { Conversation } from './conversation.ts'
import { converse, entry, letter, nextOf, said } from './conversation.ts'
import { until } from './deadline.ts'
/** One owner at a time, and one order of entries. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const takeOver = (talk: Conversation, { claim }: Claim, instance = 'two', handOver = false) =>
  talk.store.takeOver(talk.id, claim, { instance, handOver })

async function taken(talk: Conversation, claim: Claim, instance?: string, handOver?: boolean) {
  const successor = await takeOver(talk, claim, instance, handOver)
  if (successor === undefined) throw new Error('nothing was taken over')
  return successor
}

/** The calls that a stale owner might still make. */
async function attempts(talk: Conversation, claim: Claim, seq: number) {
  const at = { sessionId: talk.id, claim: claim.claim, logId: claim.logId }
  return [
    await talk.append(claim, seq),
    await talk.finish(claim, { message: said('re-m1', 'assistant', 'stale') }),
    { status: await talk.store.takeSteered(at) },
    {
      status: await talk.store.settleAbandoned(at, {
        message: said('re-m1', 'assistant', 'stale'),
        logTtlMs: 1000,
      }),
    },
  ]
}

const allLost = [{ status: 'lost' }, { status: 'lost' }, { status: 'lost' }, { status: 'lost' }]

export function fencing({ it, store }: Subject): void {
  it('locks out the owner after a takeover', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    await talk.post(letter('s1'), { whenBusy: 'steer' })
    const successor = await taken(talk, claim)
    expect(await talk.store.owns(talk.id, claim.claim)).toBe(false)
    expect(await talk.store.owns(talk.id, successor.claim)).toBe(true)
    expect(await attempts(talk, claim, 2)).toEqual(allLost)
    expect(await talk.queue()).toEqual(['s1'])
    expect(await talk.append(successor, 1)).toMatchObject({ status: 'appended' })
  })

  it('ends a turn only if the log is complete', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    const at = { sessionId: talk.id, claim: claim.claim, logId: claim.logId, instance: 'one' }
    const commit = { state: 'idle', message: said('re-m1', 'assistant'), logTtlMs: 1000 } as const
    const finish = (seq: number) =>
      talk.store.finish({ ...at, lastId: `${claim.claim}-${seq}` }, commit)
    expect(await finish(2)).toEqual({ status: 'behind' })
    expect(await talk.history()).toEqual(['m1'])
    expect(await talk.append(claim, 2)).toMatchObject({ status: 'appended' })
    expect(await finish(1)).toEqual({ status: 'behind' })
    expect(await finish(2)).toEqual({ status: 'done' })
    expect(await talk.history()).toEqual(['m1', 're-m1'])
  })

  it('locks out the owner after the end of its turn', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    const successor = await taken(talk, claim)
    await talk.finish(successor)
    expect(await attempts(talk, claim, 1)).toEqual(allLost)
    expect(await attempts(talk, successor, 1)).toEqual(allLost)
    const next = await talk.claim(letter('m2'))
    expect(await attempts(talk, claim, 1)).toEqual(allLost)
    expect(await attempts(talk, successor, 1)).toEqual(allLost)
    expect(await talk.append(next, 1)).toMatchObject({ status: 'appended' })
    expect(await talk.store.messages(talk.id)).toEqual([
      said('m1'),
      said('re-m1', 'assistant'),
      said('m2'),
    ])
  })

  it('locks out the owner of a deleted log or session', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.finish(claim, { logTtlMs: 1 })
    await expect.poll(() => talk.store.readLog(talk.id, 're-m1', undefined, 10)).toBeUndefined()
    expect(await attempts(talk, claim, 1)).toEqual(allLost)
    const next = await talk.claim(letter('m2'))
    await talk.store.remove(talk.id, { tenant: '' })
    expect(await attempts(talk, next, 1)).toEqual(allLost)
  })

  it('grows, also within one millisecond', async () => {
    const talk = converse(store())
    let claim = await talk.claim(letter('m0'))
    const claims = [claim.claim]
    for (let index = 1; index < 20; index += 1) {
      await talk.post(letter(`m${index}`))
      claim = nextOf(await talk.finish(claim))
      claims.push(claim.claim)
      claim = await taken(talk, claim)
      claims.push(claim.claim)
    }
    expect(claims).toEqual([...new Set(claims)].toSorted((a, b) => a - b))
  })

  it('goes to one of many takeovers', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    const survivors = ['two', 'three', 'four', 'five']
    const claims = await Promise.all(survivors.map((instance) => takeOver(talk, claim, instance)))
    expect(claims.filter((each) => each !== undefined)).toHaveLength(1)
    expect(await takeOver(talk, claim, 'six')).toBeUndefined()
  })

  it('stays with an owner that appended or claimed recently', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    const from = (quietMs: number, handOver = false) =>
      talk.store.takeOver(talk.id, claim.claim, {
        instance: 'two',
        handOver,
        quietMs,
      })
    // This time is longer than the run of a test.
    expect(await from(300_000)).toBeUndefined()
    expect(await talk.append(claim, 1)).toMatchObject({ status: 'appended' })
    // The claim is older than this, and the entry is not.
    await until(5000, 'the claim is old', async () => Date.now() - claim.claim > 50)
    await talk.append(claim, 2)
    expect(await from(300_000)).toBeUndefined()
    expect(await talk.append(claim, 3)).toMatchObject({ status: 'appended' })
    const taken = await from(300_000, true)
    expect(taken?.claim).toBeGreaterThan(claim.claim)
  })

  it('passes from an owner that was quiet long enough', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    const take = () =>
      talk.store.takeOver(talk.id, claim.claim, {
        instance: 'two',
        handOver: false,
        quietMs: 100,
      })
    await until(5000, 'the turn is taken over', async () => (await take()) !== undefined)
  })

  it('leaves the next letter to instances with its agent', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'), { agent: 'poet' })
    // A name with every character that could end it in its stored form.
    const agent = 'a "poet",\n\\ %'
    await talk.post(letter('m2'), { agent })
    await talk.post(letter('m3'), { agent: 'poet' })
    const at = { sessionId: talk.id, instance: 'one' }
    const commit = { state: 'idle', logTtlMs: 60_000 } as const
    expect(await talk.store.finish({ ...at, ...claim, agents: ['poet', 'a'] }, commit)).toEqual({
      status: 'done',
      isLeft: true,
    })
    const left = await talk.store.session(talk.id)
    expect(left).toMatchObject({
      state: 'running',
      queued: 1,
      turn: { owner: `${handedOver}one`, agent, letterId: 'm2', logId: 're-m2' },
    })
    const next = await taken(talk, { ...claim, claim: left?.turn?.claim ?? 0 }, 'two', true)
    expect(next).toMatchObject({ logId: 're-m2', letter: letter('m2'), takeovers: [] })
    const end = { ...at, ...next, instance: 'two', agents: [agent, 'poet'] }
    expect(await talk.store.finish(end, commit)).toMatchObject({
      status: 'done',
      next: { logId: 're-m3' },
    })
  })

  it('contains everything that a successor needs', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    await talk.store.noteReader(talk.id, 're-m1', 'v7')
    await talk.store.noteReader(talk.id, 're-m1', 'v5')
    await talk.store.noteReader(talk.id, 're-m1', 'v6')
    await talk.store.noteReader(talk.id, 're-m0', 'any')
    const second = await taken(talk, claim)
    expect(second).toEqual({
      ...claim,
      claim: expect.any(Number),
      lastId: `${second.claim}-0`,
      resumed: true,
      takeovers: [{ at: expect.any(Number), from: 'one' }],
      floor: 'v5',
      // A store may leave it out.
      ...(second.silentMs !== undefined && { silentMs: expect.any(Number) }),
    })
    expect(second.claim).toBeGreaterThan(claim.claim)
    const third = await taken(talk, second, 'three', true)
    expect(third.takeovers).toEqual(second.takeovers)
    const fourth = await taken(talk, third, 'four')
    expect(fourth.takeovers.map(({ from }) => from)).toEqual(['one', 'three'])
    expect(await talk.store.session(talk.id)).toMatchObject({
      turn: { owner: 'four', claim: fourth.claim, floor: 'v5', takeovers: fourth.takeovers },
    })
    await talk.post(letter('m2'))
    const next = nextOf(await talk.finish(fourth))
    expect(next).toMatchObject({ takeovers: [], resumed: false })
    expect(next).not.toHaveProperty('floor')
    expect((await talk.store.session(talk.id))?.turn).not.toHaveProperty('takeovers')
  })

  it('passes to a successor only while its turn runs', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.finish(claim, { state: 'waiting' })
    expect(await takeOver(talk, claim)).toBeUndefined()
    expect(
      await talk.store.takeOver('nowhere', 1, { instance: 'i', handOver: false }),
    ).toBeUndefined()
  })

  it('appends an entry once, however often it is sent', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: false })
    expect(await talk.append(claim, 1)).toEqual({ status: 'present', steer: false })
    expect(await talk.append(claim, 2)).toEqual({ status: 'appended', steer: false })
    expect(await talk.append(claim, 1)).toEqual({ status: 'present', steer: false })
    await talk.store.requestStop(talk.id, { tenant: '' })
    expect(await talk.append(claim, 2)).toEqual({ status: 'present', steer: false, stop: 'keep' })
    const page = await talk.store.readLog(talk.id, 're-m1', undefined, 10)
    expect(page?.entries).toEqual([
      { id: claim.lastId, events: [] },
      entry(claim.claim, 1),
      entry(claim.claim, 2),
    ])
  })

  it('appends no entry after a gap', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.append(claim, 1)
    expect(await talk.append(claim, 3, 2)).toEqual({ status: 'behind', lastId: `${claim.claim}-1` })
    expect(await talk.append(claim, 2)).toMatchObject({ status: 'appended' })
    expect(await talk.append(claim, 3)).toMatchObject({ status: 'appended' })
  })

  it('keeps the order of simultaneous appends', async () => {
    const talks = Array.from({ length: 150 }, () => converse(store()))
    const claims = await Promise.all(talks.map((talk) => talk.claim(letter('m1'))))
    for (const seq of [1, 2, 3]) {
      const replies = await Promise.all(
        talks.map((talk, index) => talk.append(claims[index] ?? fail(), seq)),
      )
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set(['appended']))
    }
    for (const talk of talks) {
      const page = await talk.store.readLog(talk.id, 're-m1', undefined, 10)
      expect(page?.entries.map(({ id }) => id.split('-')[1])).toEqual(['0', '1', '2', '3'])
    }
  })
}

function fail(): never {
  throw new Error('a claim is missing')
}
