/**
 * The life of one claimed turn in the process that owns it: from wherever its log stands to its
 * commit, and the next letter's claim if there is one. All that it says goes through the log; what it
 * says is `turn-work.ts`'s business.
 */
import type { AgentEvent } from '../event.ts'
import { LoomError } from '../ground/error.ts'
import { MessageFold } from '../message-fold.ts'
import type { Sink } from '../sink.ts'
import type { Intents } from '../store/log.ts'
import type { TurnRecord } from '../store/session.ts'
import type { Claim, Commit } from '../store/turn.ts'
import { LocalTail } from './local-tail.ts'
import { TurnCommit } from './turn-commit.ts'
import { TurnLog } from './turn-log.ts'
import { isGone, type RunningTurn, type TurnEnd, type TurnWorld } from './turn-world.ts'

/** How long after the deletion of a session its owner may find out from the log, in milliseconds. */
const deletionHintMs = 2000

export class TurnRun implements RunningTurn {
  readonly claim: Claim
  readonly world: TurnWorld
  fold: MessageFold
  #committed: TurnCommit | undefined
  readonly #controller = new AbortController()
  readonly #log: TurnLog
  readonly #tail: LocalTail
  #ending: TurnEnd | undefined
  #steer = false
  /** When another instance asked something of this turn last, in monotonic milliseconds. */
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(claim: Claim, world: TurnWorld) {
    this.claim = claim
    this.world = world
    this.#tail = new LocalTail(claim.lastId, !claim.resumed)
    this.fold = new MessageFold({ id: claim.logId, role: 'assistant', parts: [] })
    const { sessionId, logId, lastId } = claim
    world.tails.set(sessionId, { logId, tail: this.#tail })
    this.#log = new TurnLog({
      store: world.store,
      at: { sessionId, logId, lastId, claim: claim.claim },
      tail: this.#tail,
      flushMs: world.flushMs,
      patienceMs: world.patienceMs,
      onIntents: (intents) => this.#obey(intents),
      onLost: (error) => this.#lose(error),
    })
    this.#obey({ steer: false, ...(claim.stop !== undefined && { stop: claim.stop }) })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The commit, once it was made. It holds on to nothing else of the turn. */
  get committed(): TurnCommit | undefined {
    return this.#committed
  }

  get ending(): TurnEnd | undefined {
    return this.#ending
  }

  /** Ends the turn early. The first reason counts. */
  readonly end = (reason: TurnEnd): void => {
    if (this.#ending !== undefined) return
    this.#ending = reason
    if (isGone(this)) void this.#log.detach()
    // A turn that goes on elsewhere waits for nothing here.
    const code = isGone({ ending: reason }) ? 'lost' : 'aborted'
    this.#controller.abort(new LoomError(code, `The turn ends: ${reason}.`))
  }

  /** Appends again what a failover of the store has lost; nothing where it has lost nothing. */
  async restore(): Promise<void> {
    if (!isGone(this)) await this.#log.restore()
  }

  /** Runs to the commit. The next claim of this session, if its mailbox has a letter. */
  async run(): Promise<Claim | undefined> {
    const { store, tails, report } = this.world
    const { sessionId } = this.claim
    let unwatch: (() => void) | undefined
    try {
      unwatch = await store.watch(sessionId, 'intents', () => void this.#look())
      const commit = await this.#perform()
      if (isGone(this)) return undefined
      await this.#log.flush()
      return await this.#finish(commit)
    } catch (error) {
      if (!isGone(this)) report(error)
      return undefined
    } finally {
      unwatch?.()
      this.#tail.end()
      if (tails.get(sessionId)?.tail === this.#tail) tails.delete(sessionId)
    }
  }

  async #perform(): Promise<Commit> {
    // With the runner behind it: most of Loom, which a program that only imports it does not need.
    const { commitOf, perform } = await import('./turn-work.ts')
    try {
      return await perform(this)
    } catch (error) {
      // What was said when a stop came is kept; any other end has been told by now, or cannot be.
      if (isGone(this) || this.#ending === undefined) throw error
      return commitOf(this, 'idle')
    }
  }

  readonly sink: Sink = (event) => {
    this.fold.add(event)
    return this.#log.sink(event)
  }

  readonly emit = async (events: readonly AgentEvent[]): Promise<void> => {
    for (const event of events) await this.sink(event)
  }

  readonly flush = (): Promise<void> => this.#log.flush()

  readonly takeSteer = (): boolean => {
    const steer = this.#steer
    this.#steer = false
    return steer
  }

  /** Something was asked of the turn: reads what. */
  async #look(): Promise<void> {
    // Perhaps a letter: the next step asks.
    this.#steer = true
    this.#askedAt = performance.now()
    let turn: TurnRecord | undefined
    try {
      turn = (await this.world.store.session(this.claim.sessionId))?.turn
    } catch {
      // The store is away; the next append says what became of the turn.
      return
    }
    // Also where the session was deleted, and where it began anew under its id.
    if (turn?.claim !== this.claim.claim) this.end('lost')
    else this.#obey({ steer: false, ...(turn.stop !== undefined && { stop: turn.stop }) })
  }

  #lose(error: LoomError): void {
    if (this.#ending !== undefined) return
    this.end('lost')
    if (error.code === 'lost') void this.#reportLoss()
    else this.world.report(error)
  }

  /** Another owner goes on with a turn that was taken over. Nobody goes on with one that is not stored. */
  async #reportLoss(): Promise<void> {
    const { store, report } = this.world
    const { sessionId, logId } = this.claim
    try {
      if ((await store.session(sessionId)) !== undefined) return
      // A deletion elsewhere comes with a hint.
      if (performance.now() - this.#askedAt < deletionHintMs) return
      report(
        new LoomError(
          'gone',
          `The answer ${logId} of session ${sessionId} is lost: the store does not have the session any more. Its data was deleted (FLUSHALL), or it restarted without it.`,
        ),
      )
    } catch (error) {
      report(error)
    }
  }

  #obey(intents: Intents): void {
    if (intents.steer) this.#steer = true
    if (intents.stop !== undefined) this.end(intents.stop === 'discard' ? 'discard' : 'stop')
  }

  async #finish(commit: Commit): Promise<Claim | undefined> {
    const committed = new TurnCommit(this, this.#log, commit)
    const next = await committed.make()
    this.#committed = committed
    if (committed.isLost && this.#ending === undefined) void this.#reportLoss()
    this.#log.release()
    return next
  }
}
