/**
 * One of the processes that share a store. It runs the turns that it claims, sends heartbeats, takes over
 * the turns of dead instances, and hands its own turns over when it shuts down. The file is long because
 * the claim of a session, the run of its turn and the shutdown exclude each other through one state.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../ground/error.ts'
import { type Breaker, Breakers } from '../runner/compaction/breaker.ts'
import type { InstanceHint, InstanceStore } from '../store/instances.ts'
import type { SessionRecord, TurnRecord } from '../store/session.ts'
import { isTaskId } from '../store/task.ts'
import { type Claim, handedOver } from '../store/turn.ts'
import { CommittedTurns } from './committed-turns.ts'
import { Heartbeat } from './heartbeat.ts'
import { Lookout } from './lookout.ts'
import { placeFor, Places } from './places.ts'
import { Rounds } from './rounds.ts'
import type { TurnCommit } from './turn-commit.ts'
import { TurnRun } from './turn-run.ts'
import { publishTakeover } from './turn-telemetry.ts'
import type { TurnEnd, TurnWorld } from './turn-world.ts'

/** The turns that an instance hands over at a time when it shuts down. With very many turns there are more. */
const handOverSize = 2

/** The time from one group of these turns to the next, in milliseconds. */
const handOverEveryMs = 20

/** The longest time from the first group to the last one, in milliseconds. */
const handOverMs = 2000

/** The most sessions that one look at the queues reads, so that it costs few milliseconds. */
const sampledMax = 100

export interface InstanceOptions extends Omit<
  TurnWorld,
  'instance' | 'mayStart' | 'breakers' | 'agentsAfter'
> {
  store: TurnWorld['store'] & InstanceStore
  /** The number of turns after which new messages are refused; see `LoomOptions.turnsMax`. */
  turnsMax: number
  /** The time without a heartbeat after which an instance counts as dead, in milliseconds. */
  heartbeatMs: number
  /**
   * Applies the end of a turn to its tree of tasks; see `Tasks.settle`. `hasTasks` is false if the session
   * has no tasks of its own.
   */
  settleTasks: (sessionId: string, hasTasks: boolean) => Promise<void>
  /** Removes a session that was only for one answer, after the death of the instance that its client used. */
  discard: (sessionId: string, tenant: string) => Promise<unknown>
  /** Called once, when the instance has started. */
  onStart: () => void
}

export class Instance {
  /** New at every boot. */
  readonly id: string = randomUUID()
  readonly #options: InstanceOptions
  readonly #world: TurnWorld
  readonly #turns = new Map<string, TurnRun>()
  readonly #places: Places
  /** The number of claims in progress by session. The store has a claim before `#turns` has it. */
  readonly #claims = new Map<string, number>()
  readonly #committedTurns = new CommittedTurns()
  /** Work that may still begin, run or take over a turn. A shutdown waits for it. */
  readonly #work = new Set<Promise<unknown>>()
  /** The sessions whose turn has ended, and whose tasks are being settled. The lookout must not do the same. */
  readonly #settling = new Set<string>()
  readonly #heartbeat: Heartbeat
  readonly #lookout: Lookout
  readonly #restoreRounds = new Rounds(() => this.#restoreAll())
  #unwatch: (() => void) | undefined
  #start: Promise<void> | undefined
  #isDraining = false
  /** The instance drains and hands its turns over. */
  #isLeaving = false

  constructor(options: InstanceOptions) {
    this.#options = options
    this.#places = new Places(options.turnsMax, () => this.#turns.size)
    this.#world = {
      ...options,
      instance: this.id,
      breakers: new Breakers(),
      mayStart: (claim) => this.#mayStart(claim),
      // The next letter takes the place of this turn, unless more turns run than there are places.
      agentsAfter: (sessionId) =>
        this.#places.isExceeded && !isTaskId(sessionId) ? [] : options.agentNames(),
    }
    const { store, heartbeatMs: ttlMs, report } = options
    const shared = { store, report, instance: this.id }
    this.#lookout = new Lookout({
      ...shared,
      agentNames: options.agentNames,
      places: this.#places,
      isBusy: (sessionId) => this.#isBusy(sessionId) || this.#settling.has(sessionId),
      takeOver: (sessionId, isNoted) => this.takeOver(sessionId, isNoted),
      settleTasks: (sessionId) => options.settleTasks(sessionId, true),
      forget: (sessionId) => this.#forget(sessionId),
      release: (sessionId) => this.#committedTurns.release(sessionId),
    })
    // The beat does not wait for the lookout: much work there must not delay the next beat.
    const onBeat = () => this.#look(this.#committedTurns.due)
    this.#heartbeat = new Heartbeat({ ...shared, ttlMs, onBeat })
  }

  /** Whether the store accepts the heartbeats of this instance. Also true during a shutdown. */
  get isConnected(): boolean {
    return this.#isDraining || this.#heartbeat.isAlive
  }

  /** The breaker for the summaries of a session. It follows the results of its turns on this instance. */
  breakerOf(sessionId: string): Breaker {
    return this.#world.breakers.for(sessionId)
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** The number of turns that run here, and the number after which new messages are refused. */
  get turns(): { running: number; max: number } {
    return { running: this.#turns.size, max: this.#options.turnsMax }
  }

  /**
   * Reserves a place for a turn that a new message may begin. Returns the function that ends the reservation,
   * or undefined if this instance is full: then a turn that waits for a place gets the next one.
   */
  admit(): (() => void) | undefined {
    return this.#places.isAwaited ? undefined : this.#places.reserve()
  }

  /** The age of the oldest turn that runs here, in milliseconds. 0 if none runs. */
  get oldestTurnMs(): number {
    // Turns are in the order of their starts.
    const [oldest] = this.#turns.values()
    return oldest === undefined ? 0 : performance.now() - oldest.startedAt
  }

  /**
   * Returns the number of letters that wait behind the turns that run here. With more than `sampledMax` turns
   * it is an estimate from the first of them.
   */
  async queuedLetters(): Promise<number> {
    const { store } = this.#options
    const all = [...this.#turns.keys()]
    const sampled = all.slice(0, sampledMax)
    const sessions = await Promise.all(sampled.map((sessionId) => store.session(sessionId)))
    const queued = sessions.reduce((sum, session) => sum + (session?.queued ?? 0), 0)
    return sampled.length === 0 ? 0 : Math.round((queued * all.length) / sampled.length)
  }

  /** Whether this instance hands its turns over, so that no more of them begins here. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /**
   * Starts the heartbeats and the lookout. Later calls return the same promise; after a failure the next
   * call tries again. @throws LoomError `unavailable`
   */
  start(): Promise<void> {
    if (this.#isDraining) return Promise.resolve()
    this.#start ??= this.#begin().catch((error: unknown) => {
      this.#start = undefined
      throw error
    })
    return this.#start
  }

  async #begin(): Promise<void> {
    await this.#heartbeat.start()
    this.#unwatch = await this.#options.store.watchInstances((reason) => this.#heed(reason))
    if (!this.#isDraining) this.#options.onStart()
  }

  #heed(reason: InstanceHint): void {
    if (reason === 'passed') this.#lookout.lookForWaiting()
    else if (reason === 'left') this.#lookout.lookForLeft()
    else {
      // After an outage, the store may lack the last commits.
      this.#look(this.#committedTurns.sessionIds)
      this.#restoreRounds.ask()
    }
  }

  /** After a failover, readers may have more than the log, and a turn with a silent model appends nothing. */
  async #restoreAll(): Promise<void> {
    const turns = [...this.#turns.values()]
    await Promise.all(turns.map((turn) => this.#quietly(() => turn.restore())))
  }

  #look(doubtful: readonly string[]): void {
    for (const sessionId of doubtful) this.#lookout.doubt(sessionId)
    this.#lookout.look()
  }

  /** Whether this instance runs the turn of the session, or has a claim of it in progress. */
  #isBusy(sessionId: string): boolean {
    return this.#turns.has(sessionId) || this.#claims.has(sessionId)
  }

  /** Runs a claim of this instance, and the claims that follow it in the session. */
  begin(claim: Claim): void {
    this.#track(this.#runAll(claim))
  }

  #track(work: Promise<unknown>): void {
    // The caller of the work handles its failure.
    const entry = work.catch(() => {}).finally(() => this.#work.delete(entry))
    this.#work.add(entry)
  }

  /** Passes a session to another instance, because its next turn needs an agent that this instance lacks. */
  passOn(sessionId: string): void {
    this.#look([sessionId])
  }

  /** Ends a turn at once if it runs here. On another instance, the store delivers the stop. */
  endTurn(sessionId: string, logId: string | undefined, end: TurnEnd): void {
    const turn = this.#turns.get(sessionId)
    if (turn !== undefined && (logId === undefined || turn.claim.logId === logId)) turn.end(end)
  }

  /** Runs work that may claim a session and `begin` a turn. Meanwhile the instance does not take it over. */
  async withClaim<VALUE>(sessionId: string, claim: () => Promise<VALUE>): Promise<VALUE> {
    this.#claims.set(sessionId, (this.#claims.get(sessionId) ?? 0) + 1)
    try {
      const work = claim()
      this.#track(work)
      return await work
    } catch (error) {
      this.#lookout.doubt(sessionId)
      throw error
    } finally {
      const others = (this.#claims.get(sessionId) ?? 1) - 1
      if (others === 0) this.#claims.delete(sessionId)
      else this.#claims.set(sessionId, others)
    }
  }

  /**
   * Checks the owner of a turn that makes no progress, and takes the turn over if the owner is dead.
   * Returns false if the store accepts no writes.
   */
  async lookAfter(sessionId: string): Promise<boolean> {
    try {
      // An instance that has only readers so far sends a heartbeat before it may count others as dead.
      await this.start()
      await this.takeOver(sessionId)
      return this.isConnected
    } catch (error) {
      this.#options.report(error)
      return !(error instanceof LoomError && error.code === 'unavailable')
    }
  }

  /**
   * Takes a session over if its owner is dead, or has handed it over.
   * @param isNoted true if the index of this instance has the session
   */
  async takeOver(sessionId: string, isNoted = false): Promise<void> {
    if (this.#isDraining || this.#isBusy(sessionId)) return
    await this.withClaim(sessionId, () => this.#takeOver(sessionId, isNoted))
  }

  async #takeOver(sessionId: string, isNoted: boolean): Promise<void> {
    const { store } = this.#options
    // Again if it is noted: the end of an earlier turn here may have removed it meanwhile.
    const noted = isNoted ? store.note(this.id, sessionId) : undefined
    const [session] = await Promise.all([store.session(sessionId), noted])
    if (session === undefined || session.turn === undefined || session.state !== 'running') return
    const { owner, agent = session.agent } = session.turn
    const isHandOver = owner === this.id || owner.startsWith(handedOver)
    if (!isHandOver && !(await this.#heartbeat.isDead(owner))) return
    // Another instance may have the agent, for example one with another version of the application.
    if (this.#options.agentOf(agent) === undefined) {
      return store.pass(sessionId, { from: this.id, agent })
    }
    if (this.#isDraining || this.#turns.has(sessionId)) return
    // No other instance takes a turn whose owner is this one. A turn that runs may wait for a task.
    const needsPlace = owner !== this.id && !isTaskId(sessionId)
    const endReservation = needsPlace ? this.#places.reserve() : () => undefined
    if (endReservation === undefined) return this.#awaitPlace(sessionId, agent)
    try {
      // The index needs the session for the next letter too: a repeated commit may take that letter.
      if (!isNoted) await store.note(this.id, sessionId)
      await this.#takeTurn(session, session.turn)
    } finally {
      endReservation()
    }
  }

  /** Leaves a session to the first instance that has a place for its turn. */
  async #awaitPlace(sessionId: string, agent: string): Promise<void> {
    this.#places.await()
    await this.#options.store.pass(sessionId, { from: this.id, agent: placeFor(agent) })
  }

  async #takeTurn(
    { id: sessionId, tenant }: SessionRecord,
    { owner, claim }: TurnRecord,
  ): Promise<void> {
    const { store } = this.#options
    const isHandOver = owner === this.id || owner.startsWith(handedOver)
    const commit = this.#committedTurns.under({ sessionId, claim })
    if (commit !== undefined && owner === this.id) return this.#commitAgain(commit)
    const ownClaim = await store.takeOver(sessionId, claim, {
      instance: this.id,
      handOver: isHandOver,
      quietMs: this.#heartbeat.quietMs,
    })
    if (ownClaim === undefined) return
    // Its client had the only connection to the answer.
    if (!isHandOver && ownClaim.letter.request.temporary === true) {
      await this.#options.discard(sessionId, tenant)
      return
    }
    await publishTakeover(ownClaim, this.#world, { owner, isHandOver })
    this.begin(ownClaim)
  }

  async #commitAgain(commit: TurnCommit): Promise<void> {
    const next = await commit.make()
    this.#committedTurns.add(commit)
    if (next !== undefined) this.begin(next)
  }

  /** Starts nothing new, and hands every running turn over to the other instances. */
  async drain(): Promise<void> {
    this.#isDraining = true
    this.#isLeaving = true
    this.#unwatch?.()
    const looked = this.#lookout.stop()
    await this.#handAllOver()
    this.#heartbeat.stop()
    await looked
    // A post in progress may begin one more turn, which is handed over at once.
    while (this.#work.size > 0) await Promise.all(this.#work)
    await this.#options.store.leave(this.id)
  }

  /**
   * Ends the turns in small groups. A turn goes on here until its group is due, so that it does not wait until
   * the other instances have taken all turns before it.
   */
  async #handAllOver(): Promise<void> {
    const turns = [...this.#turns.values()]
    const size = Math.max(handOverSize, Math.ceil((turns.length * handOverEveryMs) / handOverMs))
    for (const [index, turn] of turns.entries()) {
      if (index > 0 && index % size === 0) await delay(handOverEveryMs)
      // One that ended meanwhile is committed.
      if (this.#turns.get(turn.claim.sessionId) === turn) turn.end('hand-over')
    }
  }

  /** Accepts nothing more, and hands nothing over: for a store that no other instance shares. */
  refuse(): void {
    this.#isDraining = true
    this.#heartbeat.stop()
  }

  /** Waits until all turns here have ended without a hand-over, or the signal aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    const abort = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => abort.resolve(), { once: true })
    while (this.#work.size > 0 && !signal.aborted) {
      await Promise.race([Promise.all(this.#work), abort.promise])
    }
  }

  async #runAll(first: Claim): Promise<void> {
    const { sessionId } = first
    try {
      const { isLeft, isDone } = await this.#runTurns(first)
      // A place is free now.
      if (this.#places.isAwaited) this.#look([])
      if (isLeft) this.#look([sessionId])
      else if (isDone) await this.#quietly(() => this.#forget(sessionId))
      // The lookout checks a turn without a commit again.
      else this.#lookout.doubt(sessionId)
    } finally {
      this.#settling.delete(sessionId)
    }
  }

  /** Runs a turn and those that follow it. `isDone` is false if the lookout must check the session again. */
  async #runTurns(first: Claim): Promise<{ isLeft: boolean; isDone: boolean }> {
    const { sessionId } = first
    let claim: Claim | undefined = first
    let isCommitted = false
    let isLeft = false
    let isSettled = true
    while (claim !== undefined) {
      const turn: TurnRun = new TurnRun(claim, this.#world)
      this.#turns.set(sessionId, turn)
      if (this.#isLeaving) turn.end('hand-over')
      claim = await turn.run()
      const { commit } = turn
      isCommitted = commit !== undefined
      isLeft = commit?.isLeft === true
      if (commit !== undefined) this.#committedTurns.add(commit)
      if (turn.endReason === 'hand-over') await this.#quietly(() => this.#handOver(turn.claim))
      this.#settling.add(sessionId)
      if (this.#turns.get(sessionId) === turn) this.#turns.delete(sessionId)
      const hasFollowUp = turn.hasTasks || isTaskId(sessionId) || turn.endReason === 'stop'
      if (isCommitted && hasFollowUp) {
        isSettled = await this.#settle(sessionId, turn.hasTasks)
      }
    }
    return { isLeft, isDone: isCommitted && isSettled }
  }

  /** Returns false if the index must keep the session, so that this is tried again. */
  async #settle(sessionId: string, hasTasks: boolean): Promise<boolean> {
    try {
      await this.#options.settleTasks(sessionId, hasTasks)
      return true
    } catch (error) {
      this.#options.report(error)
      return false
    }
  }

  /** Removes an index entry, but not while a post is in progress: the post needs the entry. */
  async #forget(sessionId: string): Promise<void> {
    if (this.#isDraining || this.#isBusy(sessionId)) return
    await this.#options.store.forget(this.id, [sessionId])
  }

  /**
   * Leaves the turn without an owner, as if its owner had died, and passes its session on. Another instance
   * takes it at once: it does not wait until all turns of this instance are handed over.
   */
  async #handOver({ sessionId, claim, letter: { request } }: Claim): Promise<void> {
    const { store } = this.#options
    const instance = handedOver + this.id
    const left = await store.takeOver(sessionId, claim, { instance, handOver: true })
    if (left !== undefined) await store.pass(sessionId, { from: this.id, agent: request.agent })
  }

  async #mayStart({ sessionId, claim }: Claim): Promise<void> {
    if (this.#heartbeat.isAlive) return
    // The heartbeat has expired, so another instance may have taken the turn: the store decides.
    if (await this.#options.store.owns(sessionId, claim)) return
    this.endTurn(sessionId, undefined, 'lost')
    throw new LoomError('lost', 'Another instance owns this turn now.')
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#options.report(error)
    }
  }
}
