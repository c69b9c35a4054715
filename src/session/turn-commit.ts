/**
 * The commit of a turn to the store. If a failover undoes it, it is made again: readers have seen the end
 * of the turn, so the turn must not run again. An instance keeps the commit for a while after the turn, so
 * it refers only to the log and to the stored data. The letter alone may have megabytes.
 */
import type { Claim, Commit, FinishReply, TurnStore } from '../store/turn.ts'
import { memorySize } from './memory-size.ts'
import type { TurnLog } from './turn-log.ts'
import type { RunningTurn } from './turn-world.ts'

export class TurnCommit {
  readonly claim: Pick<Claim, 'sessionId' | 'claim' | 'logId'>
  readonly #store: Pick<TurnStore, 'finish'>
  readonly #instance: string
  readonly #log: TurnLog
  readonly #commit: Commit
  readonly #agentsAfter: (sessionId: string) => readonly string[]
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
    this.#agentsAfter = world.agentsAfter
    this.#log = log
    this.#commit = commit
  }

  /** Whether the next letter of the session is for an agent or a place that this instance lacks. */
  get isLeft(): boolean {
    return this.#isLeft
  }

  /** Whether the store no longer has this turn under its claim. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** The approximate memory that this object keeps, in bytes. */
  get bytes(): number {
    return this.#log.bytes + memorySize(this.#commit.message)
  }

  /**
   * Commits the turn. Returns the next claim of the session if its mailbox has a letter. If a failover lost
   * the end of the log, it first restores the log: its readers have not reached the end yet.
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
    const agents = this.#agentsAfter(this.claim.sessionId)
    return this.#store.finish(
      { ...this.claim, lastId, instance: this.#instance, agents },
      this.#commit,
    )
  }
}
