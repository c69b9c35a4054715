/**
 * How a turn ends in the store, once or, where a failover took that with it, again: readers have seen
 * its end, so it must not be done anew. It may be kept after the turn, so it knows no more of it than
 * the log and what is stored; the letter alone may have megabytes.
 */
import type { Claim, Commit, FinishReply, TurnStore } from '../store/turn.ts'
import { memoryOf } from './memory-of.ts'
import type { TurnLog } from './turn-log.ts'
import type { RunningTurn } from './turn-world.ts'

export class TurnCommit {
  readonly claim: Pick<Claim, 'sessionId' | 'claim' | 'logId'>
  readonly #store: Pick<TurnStore, 'finish'>
  readonly #instance: string
  readonly #log: TurnLog
  readonly #commit: Commit
  readonly #agents: readonly string[]
  #isLeft = false
  #isLost = false

  constructor(
    { claim: { sessionId, claim, logId }, world }: Pick<RunningTurn, 'claim' | 'world'>,
    log: TurnLog,
    commit: Commit,
  ) {
    this.claim = { sessionId, claim, logId }
    this.#store = world.store
    this.#instance = world.instance
    this.#agents = world.agents
    this.#log = log
    this.#commit = commit
  }

  /** Whether the next letter of the session is for an agent that this instance lacks. */
  get isLeft(): boolean {
    return this.#isLeft
  }

  /** Whether the store does not have this turn under its claim any more. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Memory that is kept as long as this is, in bytes, about. */
  get bytes(): number {
    return this.#log.bytes + memoryOf(this.#commit.message)
  }

  /**
   * The next claim of the session, if its mailbox has a letter. A log that a failover has cut short is
   * made whole first: its readers are not at its end yet.
   */
  async make(): Promise<Claim | undefined> {
    let reply = await this.#finish()
    while (reply.status === 'behind') {
      await this.#log.restore()
      reply = await this.#finish()
    }
    this.#isLost = reply.status === 'lost'
    if (reply.status !== 'done') return undefined
    this.#isLeft = reply.isLeft === true
    return reply.next
  }

  #finish(): Promise<FinishReply> {
    const { lastId } = this.#log
    return this.#store.finish(
      { ...this.claim, lastId, instance: this.#instance, agents: this.#agents },
      this.#commit,
    )
  }
}
