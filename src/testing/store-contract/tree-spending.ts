/** The sum of what the sessions of a tree spent. Each amount counts once, whatever happens to its turn. */
import { addSpending, noSpending, type Spending } from '../../spending.ts'
import type { Store } from '../../store.ts'
import type { Claim } from '../../store/turn.ts'
import { answer, type Conversation, converse, letter, said } from './conversation.ts'
import { expect } from './expectation.ts'
import { fastCheck } from './model.ts'
import type { Subject } from './subject.ts'
import { idOf, newRoot, taskOf } from './tasks.ts'

const limits = { unfinishedMax: 100, openMax: 100 }

/** An amount in tokens, with a cost that binary fractions cannot hold. */
const tokens = (count: number): Spending => ({
  usage: {
    inputTokens: count,
    outputTokens: 2 * count,
    totalTokens: 3 * count,
    cachedInputTokens: count,
    reasoningTokens: 0,
  },
  usd: count / 1000,
  isCostKnown: true,
})

const totalsOf = async (store: Store, ids: readonly string[]) => {
  const all = await Promise.all(ids.map((id) => store.spentBeside(id)))
  return all.map(({ usage, usd }) => [usage.totalTokens, Number(usd.toFixed(9))])
}

const total = (count: number) => [3 * count, count / 1000]

export function treeSpending({ it, store }: Subject, runs: number): void {
  const tree = async () => {
    const root = await newRoot(store())
    const [a, b] = [idOf(root, 'a'), idOf(root, 'b')]
    await store().addTask(taskOf(root, 'a'), limits)
    await store().addTask(taskOf(root, 'b', { parent: a }), limits)
    return { root, a, b, ids: [root, a, b] }
  }
  const note = (sessionId: string, { claim }: Pick<Claim, 'claim'>, spent: Spending) =>
    store().noteSpending({ sessionId, claim }, spent)

  it('is nothing at first', async () => {
    const { ids } = await tree()
    expect(await totalsOf(store(), ids)).toEqual([total(0), total(0), total(0)])
    expect(await store().spentBeside('no session')).toEqual(noSpending)
  })

  it('has the unfinished messages of the others', async () => {
    const { root, a, ids } = await tree()
    const [first, second] = [converse(store(), root), converse(store(), a)]
    const claim = await first.claim(letter('m2'))
    const ofTask = await second.claim(letter('m1'))
    await note(root, claim, tokens(1))
    await note(root, claim, tokens(5))
    await note(a, ofTask, tokens(7))
    expect(await totalsOf(store(), ids)).toEqual([total(7), total(5), total(12)])
    expect(await store().session(root)).toMatchObject({
      unfinishedSpent: tokens(5),
      hasTasks: true,
    })
    expect(await store().task(a)).toMatchObject({ spent: tokens(7) })
    await first.finish(claim, { spent: tokens(6) })
    await second.finish(ofTask, { spent: tokens(8) })
    expect(await totalsOf(store(), ids)).toEqual([total(14), total(14), total(14)])
    expect(await store().session(root)).not.toHaveProperty('unfinishedSpent')
    // The turn has ended.
    await note(a, ofTask, tokens(100))
    expect(await totalsOf(store(), ids)).toEqual([total(14), total(14), total(14)])
  })

  it('is changed by the owner alone', async () => {
    const { a, ids } = await tree()
    const talk = converse(store(), a)
    const claim = await talk.claim(letter('m1'))
    await note(a, claim, tokens(3))
    const next = await store().takeOver(a, claim.claim, { instance: 'two', handOver: true })
    await note(a, claim, tokens(50))
    expect((await totalsOf(store(), ids))[0]).toEqual(total(3))
    if (next === undefined) throw new Error('the turn was not taken over')
    await note(a, next, tokens(2))
    expect((await totalsOf(store(), ids))[0]).toEqual(total(2))
    await talk.finish(claim, { spent: tokens(50) })
    expect((await totalsOf(store(), ids))[0]).toEqual(total(2))
    await talk.finish(next, { spent: tokens(4) })
    expect((await totalsOf(store(), ids))[0]).toEqual(total(4))
  })

  it('has a message that waits, and once after it was abandoned', async () => {
    const { a, ids } = await tree()
    const talk = converse(store(), a)
    const claim = await talk.claim(letter('m1'))
    await talk.finish(claim, { state: 'waiting', spent: tokens(3) })
    expect(await totalsOf(store(), ids)).toEqual([total(3), total(0), total(3)])
    const second = await talk.claim(letter('m2'))
    expect((await totalsOf(store(), ids))[0]).toEqual(total(3))
    const at = { sessionId: a, claim: second.claim, logId: 're-m1' }
    const commit = { message: said('re-m1', 'assistant'), logTtlMs: 1000, spent: tokens(3) }
    await store().settleAbandoned(at, commit)
    await store().settleAbandoned(at, commit)
    expect(await totalsOf(store(), ids)).toEqual([total(3), total(3), total(3)])
    await note(a, second, tokens(1))
    expect(await totalsOf(store(), ids)).toEqual([total(4), total(3), total(4)])
    await talk.finish(second, { spent: tokens(2), discard: true })
    expect(await totalsOf(store(), ids)).toEqual([total(5), total(5), total(5)])
  })

  it('keeps the part of removed tasks, and ends with its root', async () => {
    const { root, a, b } = await tree()
    for (const [id, count] of [
      [a, 3],
      [b, 4],
    ] as const) {
      const talk = converse(store(), id)
      await talk.finish(await talk.claim(letter('m1')), { spent: tokens(count) })
    }
    const running = await converse(store(), b).claim(letter('m2'))
    await note(b, running, tokens(10))
    await store().removeTask(a)
    expect(await totalsOf(store(), [root])).toEqual([total(17)])
    // It is no task any more.
    await note(b, running, tokens(20))
    expect(await totalsOf(store(), [root])).toEqual([total(17)])
    await store().remove(root, { tenant: '' })
    await newRoot(store(), root)
    expect(await totalsOf(store(), [root])).toEqual([total(0)])
  })

  it('has an unknown cost while the cost of a message is unknown', async () => {
    const { root, a, b } = await tree()
    const unknown = { ...tokens(2), usd: 0, isCostKnown: false }
    const talk = converse(store(), a)
    const claim = await talk.claim(letter('m1'))
    await note(a, claim, unknown)
    const isKnown = async (id: string) => (await store().spentBeside(id)).isCostKnown
    expect([await isKnown(root), await isKnown(a), await isKnown(b)]).toEqual([false, true, false])
    await note(a, claim, tokens(2))
    expect([await isKnown(root), await isKnown(a)]).toEqual([true, true])
    await talk.finish(claim, { spent: unknown })
    await talk.finish(await talk.claim(letter('m2')), { spent: unknown })
    expect([await isKnown(root), await isKnown(a)]).toEqual([false, false])
  })

  if (runs === 0) return
  it('is the sum over all sessions after any sequence of calls', async () => {
    const fc = await fastCheck()
    const step = fc.record({
      at: fc.nat(2),
      do: fc.constantFrom('begin', 'note', 'stale', 'wait', 'finish', 'takeOver', 'answer'),
      count: fc.nat(20),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { ids } = await tree()
        const players = ids.map((id) => new Player(converse(store(), id)))
        for (const { at, count, do: what } of steps) await players[at]?.[what](tokens(count))
        const sum = players.map(({ all }) => all).reduce(addSpending)
        const expected = players.map(({ unfinished }) => [
          sum.usage.totalTokens - unfinished.usage.totalTokens,
          Number((sum.usd - unfinished.usd).toFixed(9)),
        ])
        expect(await totalsOf(store(), ids)).toEqual(expected)
      }),
      { numRuns: runs },
    )
  })
}

/** A session with turns, and its spending. */
class Player {
  readonly #talk: Conversation
  #claim: Claim | undefined
  #stale: Claim | undefined
  #waiting: string | undefined
  #letters = 1
  #finished: Spending = noSpending
  unfinished: Spending = noSpending

  constructor(talk: Conversation) {
    this.#talk = talk
  }

  get all(): Spending {
    return addSpending(this.#finished, this.unfinished)
  }

  async begin(): Promise<void> {
    if (this.#claim !== undefined || this.#waiting !== undefined) return
    this.#claim = await this.#talk.claim(letter(`n${this.#letters++}`))
  }

  async note(spent: Spending): Promise<void> {
    if (this.#claim === undefined) return
    await this.#noteAs(this.#claim, spent)
    this.unfinished = spent
  }

  async stale(spent: Spending): Promise<void> {
    if (this.#stale !== undefined) await this.#noteAs(this.#stale, spent)
  }

  async wait(spent: Spending): Promise<void> {
    if (this.#claim === undefined) return
    await this.#talk.finish(this.#claim, { state: 'waiting', spent })
    this.#waiting = this.#claim.logId
    this.#end()
    this.unfinished = spent
  }

  async finish(spent: Spending): Promise<void> {
    if (this.#claim === undefined) return
    await this.#talk.finish(this.#claim, { spent })
    this.#end()
    this.#finished = addSpending(this.#finished, spent)
    this.unfinished = noSpending
  }

  async takeOver(): Promise<void> {
    if (this.#claim === undefined) return
    const { id, store } = this.#talk
    const options = { instance: 'two', handOver: true }
    const next = await store.takeOver(id, this.#claim.claim, options)
    this.#end()
    this.#claim = next
  }

  async answer(): Promise<void> {
    if (this.#waiting === undefined) return
    this.#claim = await this.#talk.claim(answer(`n${this.#letters++}`, this.#waiting))
    this.#waiting = undefined
  }

  #end(): void {
    this.#stale = this.#claim
    this.#claim = undefined
  }

  async #noteAs({ claim }: Claim, spent: Spending): Promise<void> {
    await this.#talk.store.noteSpending({ sessionId: this.#talk.id, claim }, spent)
  }
}
