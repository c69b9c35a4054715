/**
 * The life of one claimed turn in the process that owns it: from the current end of its log to its commit
 * and the claim of the next letter. All its events go through the log. `turn-work.ts` decides the work.
 */
import type { AgentEvent, StepRecord } from '../event.ts'
import { LoomError } from '../ground/error.ts'
import { late } from '../ground/late.ts'
import { MessageFold } from '../message-fold.ts'
import type { Sink } from '../sink.ts'
import type { Intents, LogEntry } from '../store/log.ts'
import type { TurnRecord } from '../store/session.ts'
import { isTaskId } from '../store/task.ts'
import type { Claim, Commit } from '../store/turn.ts'
import { LocalTail } from './local-tail.ts'
import { TurnCommit } from './turn-commit.ts'
import { TurnLog } from './turn-log.ts'
import { senderOf } from './turn-meter.ts'
import { publishTurn, turnEnding } from './turn-telemetry.ts'
import { entriesOf, isGone, type RunningTurn, type TurnEnd, type TurnWorld } from './turn-world.ts'

/** It loads the runner, which a program without a turn does not need. */
const turnWork = late(() => import('./turn-work.ts'))

/** The longest time from the hint of a deletion to a failed append because of it, in milliseconds. */
const deletionHintMs = 2000

export class TurnRun implements RunningTurn {
  readonly claim: Claim
  readonly world: TurnWorld
  fold: MessageFold
  hasTasks = false
  /** In monotonic milliseconds. */
  readonly startedAt = performance.now()
  #commit: TurnCommit | undefined
  readonly #controller = new AbortController()
  readonly #log: TurnLog
  readonly #tail: LocalTail
  #endReason: TurnEnd | undefined
  #steer = false
  #isCommitting = false
  /** The time of the last hint from another instance, in monotonic milliseconds. */
  #hintAt = Number.NEGATIVE_INFINITY

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

  /** The commit, after it was made. It refers to nothing else of the turn. */
  get commit(): TurnCommit | undefined {
    return this.#commit
  }

  get endReason(): TurnEnd | undefined {
    return this.#endReason
  }

  /** Ends the turn early. Only the first reason has an effect. */
  readonly end = (reason: TurnEnd): void => {
    if (this.#endReason !== undefined) return
    this.#endReason = reason
    if (isGone(this)) void this.#log.detach()
    // `lost` ends every wait of the run at once: the turn continues on another instance.
    const code = isGone({ endReason: reason }) ? 'lost' : 'aborted'
    this.#controller.abort(new LoomError(code, `The turn ends: ${reason}.`))
  }

  /** Appends again the entries that a failover of the store has lost, if any. */
  async restore(): Promise<void> {
    if (!this.#needsRestore) return
    try {
      await this.#log.restore()
    } catch (error) {
      // The turn has ended meanwhile, or has reported this itself.
      if (this.#needsRestore) throw error
    }
  }

  /** `TurnCommit` restores the log of a turn that it commits, and the log takes no entry after that. */
  get #needsRestore(): boolean {
    return !isGone(this) && !this.#isCommitting
  }

  /** Runs to the commit. Returns the next claim of this session if its mailbox has a letter. */
  async run(): Promise<Claim | undefined> {
    const { store, tails, report, meter } = this.world
    const { sessionId } = this.claim
    // The limits of a tree bound its tasks.
    const endCount = isTaskId(sessionId) ? undefined : meter?.begin(senderOf(this.claim))
    let unwatch: (() => void) | undefined
    let commit: Commit | undefined
    const published = await publishTurn(this.claim, this.world)
    const { resumed, logId } = this.claim
    // At the same time as the subscription: a client waits for both.
    const entries = resumed ? entriesOf(store, sessionId, logId) : Promise.resolve([])
    // `perform` awaits it, if the subscription does not fail before.
    entries.catch(() => undefined)
    try {
      unwatch = await store.watch(sessionId, 'intents', () => void this.#readIntents())
      commit = await published.within(() => this.#perform(entries))
      if (isGone(this)) return undefined
      await this.#log.flush()
      return await this.#finish(commit)
    } catch (error) {
      // A session may be deleted after the stop of its turn. The end then stays `stop`.
      const isLost = error instanceof LoomError && error.code === 'lost'
      if (!isGone(this) && !isLost) report(error)
      return undefined
    } finally {
      unwatch?.()
      endCount?.()
      this.#tail.end()
      if (tails.get(sessionId)?.tail === this.#tail) tails.delete(sessionId)
      const end = this.#commit?.isLost === true ? 'lost' : this.#endReason
      published.end(turnEnding(end, this.#commit && commit))
    }
  }

  async #perform(entries: Promise<LogEntry[]>): Promise<Commit> {
    const { commitOf, perform } = await turnWork()
    try {
      return await perform(this, entries)
    } catch (error) {
      // A stop keeps the text so far. Every other failure is in the log already, or cannot be written.
      if (isGone(this) || this.#endReason === undefined) throw error
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

  readonly record = async (step: StepRecord): Promise<void> => {
    await this.#log.sink(step)
    await this.#log.flush()
    // A log that was detached meanwhile ignores events. The next owner repeats the step.
    if (isGone(this)) throw this.signal.reason
  }

  readonly flush = (): Promise<void> => this.#log.flush()

  readonly takeSteer = (): boolean => {
    const steer = this.#steer
    this.#steer = false
    return steer
  }

  /** Reads the intents of other instances after a hint. */
  async #readIntents(): Promise<void> {
    // The hint may announce a letter, which the next step reads.
    this.#steer = true
    this.#hintAt = performance.now()
    let turn: TurnRecord | undefined
    try {
      turn = (await this.world.store.session(this.claim.sessionId))?.turn
    } catch {
      // The store cannot be reached. The next append reports the state of the turn.
      return
    }
    // Also if the session was deleted, or a new session has its id.
    if (turn?.claim !== this.claim.claim) this.end('lost')
    else this.#obey({ steer: false, ...(turn.stop !== undefined && { stop: turn.stop }) })
  }

  #lose(error: LoomError): void {
    // The reply of the commit decides: an entry that was sent again may be late because the turn is committed.
    if (this.#endReason !== undefined || this.#isCommitting) return
    this.end('lost')
    if (error.code === 'lost') void this.#reportLoss()
    else this.world.report(error)
  }

  /** Reports a turn that no instance continues, because the store has lost its session. */
  async #reportLoss(): Promise<void> {
    const { store, report } = this.world
    const { sessionId, logId } = this.claim
    try {
      if ((await store.session(sessionId)) !== undefined) return
      if (await store.isDeleted(sessionId)) return
      // A post may have begun a deleted session anew between the two reads.
      if ((await store.session(sessionId)) !== undefined) return
      // A deletion on another instance comes with a hint. Its mark may be lost like the session.
      if (performance.now() - this.#hintAt < deletionHintMs) return
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
    this.#isCommitting = true
    const turnCommit = new TurnCommit(this, this.#log, commit)
    const next = await turnCommit.make()
    this.#commit = turnCommit
    // The store adds it to the session at the same time.
    const isDone = !turnCommit.isLost && commit.state === 'idle'
    if (isDone && commit.spent) this.world.meter?.spend(senderOf(this.claim), commit.spent)
    if (turnCommit.isLost && this.#endReason === undefined) void this.#reportLoss()
    this.#log.release()
    return next
  }
}
