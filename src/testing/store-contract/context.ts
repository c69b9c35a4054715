import { withServerPart } from '../../store/context.ts'
import { answer, converse, type Conversation, letter, nextOf, regenerate } from './conversation.ts'
/** The context of turns: the letter that brings it, and the turns that inherit it. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const contextOf = async ({ store, id }: Pick<Conversation, 'store' | 'id'>) =>
  (await store.context(id)).context

const takenBy = async ({ store, id }: Conversation, claim: number) => {
  const taken = await store.takeSteered({ sessionId: id, claim })
  return taken === 'lost' ? [] : taken
}

/** Characters that could end a stored line or string, or that are not ASCII. */
const ada = { name: 'Ada "}\n%7b;\u{1F600}', nested: [{ deep: null }], '': 0 }
const bob = { name: 'Bob' }

export function context({ it, store, open }: Subject): void {
  it('stays for later turns until a letter brings another', async () => {
    const talk = converse(store())
    await talk.turn(letter('m0'))
    expect(await contextOf(talk)).toBeUndefined()
    await talk.turn(letter('m1', { context: ada }))
    expect(await contextOf(talk)).toEqual(ada)
    const claim = await talk.claim(letter('m2'))
    expect(await contextOf(talk)).toEqual(ada)
    await talk.finish(claim)
    await talk.turn(regenerate('r1', 're-m2'))
    expect(await contextOf(talk)).toEqual(ada)
    await talk.turn(letter('m3', { context: {} }))
    expect(await contextOf(talk)).toEqual({})
  })

  it('has a server’s part that each letter replaces', async () => {
    const talk = converse(store())
    const [admin, user] = [{ role: 'admin', x: '.' }, { role: 'user' }]
    await talk.turn(letter('m1', { context: withServerPart(ada, admin) }))
    expect(await contextOf(talk)).toEqual(withServerPart(ada, admin))
    await talk.turn(letter('m2', { context: withServerPart(undefined, user) }))
    expect(await contextOf(talk)).toEqual(withServerPart(ada, user))
    const claim = await talk.claim(letter('m3'))
    const steered = letter('m4', { context: withServerPart(undefined, admin) })
    await talk.post(steered, { whenBusy: 'steer' })
    const [taken] = await takenBy(talk, claim.claim)
    expect(taken).toEqual(steered)
    expect(await contextOf(talk)).toEqual(withServerPart(ada, user))
    await talk.finish(claim)
    expect(await contextOf(talk)).toEqual(withServerPart(ada, admin))
    const next = letter('m5', { context: withServerPart({}, {}) })
    await talk.turn(next)
    expect(await contextOf(talk)).toEqual(withServerPart({}, {}))
    await talk.turn(letter('m6', { context: bob }))
    expect(await contextOf(talk)).toEqual(bob)
  })

  it('has no client’s part if no letter brought one', async () => {
    const talk = converse(store())
    const onlyServer = withServerPart(undefined, { role: 'user' })
    const claim = await talk.claim(letter('m1', { context: onlyServer }))
    expect(await contextOf(talk)).toEqual(onlyServer)
    await talk.finish(claim, { state: 'waiting' })
    await talk.finish(await talk.claim(answer('a1', 're-m1')))
    expect(await contextOf(talk)).toEqual(onlyServer)
  })

  it('is that of the waiting turn, unless an answer brings one', async () => {
    const talk = converse(store())
    const waits = { state: 'waiting' } as const
    await talk.finish(await talk.claim(letter('m1', { context: ada })), waits)
    expect(await contextOf(talk)).toEqual(ada)
    await talk.finish(await talk.claim(answer('a1', 're-m1')), waits)
    expect(await contextOf(talk)).toEqual(ada)
    await talk.finish(await talk.claim({ ...answer('a2', 're-m1'), context: bob }), waits)
    expect(await contextOf(talk)).toEqual(bob)
    await talk.finish(await talk.claim(answer('a3', 're-m1')))
    expect(await contextOf(talk)).toEqual(bob)
  })

  it('of a queued letter counts from its turn on', async () => {
    const talk = converse(store())
    const first = await talk.claim(letter('m1', { context: ada }))
    const queued = letter('m2', { context: bob })
    await talk.post(queued)
    await talk.post(letter('m3'))
    expect(await contextOf(talk)).toEqual(ada)
    const second = nextOf(await talk.finish(first))
    expect(second.letter).toEqual(queued)
    expect(await contextOf(talk)).toEqual(bob)
    const third = nextOf(await talk.finish(second))
    expect(await contextOf(talk)).toEqual(bob)
    await talk.finish(third)
  })

  it('of a steered letter counts from the next turn on', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1', { context: ada }))
    await talk.post(letter('m2', { context: bob }), { whenBusy: 'steer' })
    const at = { sessionId: talk.id, claim: claim.claim }
    await talk.store.takeSteered(at)
    expect(await contextOf(talk)).toEqual(ada)
    await talk.finish(claim, { state: 'waiting' })
    const resumed = await talk.claim(answer('a1', 're-m1'))
    expect(await contextOf(talk)).toEqual(ada)
    await talk.finish(resumed)
    expect(await contextOf(talk)).toEqual(bob)
  })

  it('is the same after a takeover', async () => {
    const talk = converse(store())
    const { claim } = await talk.claim(letter('m1', { context: ada }))
    for (const handOver of [false, true]) {
      const { turn } = (await talk.store.session(talk.id)) ?? {}
      const options = { instance: 'two', handOver }
      expect(await talk.store.takeOver(talk.id, turn?.claim ?? claim, options)).toBeDefined()
      expect(await contextOf(talk)).toEqual(ada)
    }
  })

  it('is copied to a fork', async () => {
    const talk = converse(await open({}))
    await talk.turn(letter('m1', { context: ada }))
    const fork = converse(talk.store)
    const options = { newId: fork.id, tenant: '' }
    expect(await talk.store.fork(talk.id, options)).toBe(true)
    expect(await contextOf(fork)).toEqual(ada)
    await fork.turn(letter('m2'))
    expect(await contextOf(fork)).toEqual(ada)
  })
}
