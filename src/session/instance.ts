/**
 * One process among those that share a store. It runs the turns that it claims, says in time that it
 * is alive, looks after those that no longer say so, and hands its turns over when it is told to go. The
 * file is long because claiming, running and leaving exclude each other by one state.
 */
import { randomUUID } from 'node:crypto'

import { LoomError } from '../ground/error.ts'
import { type Breaker, Breakers } from '../runner/compaction/breaker.ts'
import type { InstanceStore } from '../store/instances.ts'
import { type Claim, handedOver } from '../store/turn.ts'
import { CommittedTurns } from './committed-turns.ts'
import { Heartbeat } from './heartbeat.ts'
import { Lookout } from './lookout.ts'
import { Rounds } from './rounds.ts'
import type { TurnCommit } from './turn-commit.ts'
import { TurnRun } from './turn-run.ts'
import type { TurnEnd, TurnWorld } from './turn-world.ts'

export interface InstanceOptions extends Omit<TurnWorld, 'instance' | 'mayStart' | 'breakers'> {
  store: TurnWorld['store'] & InstanceStore
  /** How long an instance that says nothing counts as alive, in milliseconds. */
  heartbeatMs: number
}

export class Instance {
  /** New at every boot. */
  readonly id: string = randomUUID()
  readonly #options: InstanceOptions
  readonly #world: TurnWorld
  readonly #turns = new Map<string, TurnRun>()
  /** Sessions that are being claimed here: the claim is ours before it is in `#turns`. */
  readonly #claiming = new Map<string, number>()
  readonly #committed = new CommittedTurns()
  /** What may still begin, run or take a turn; waited for before this instance leaves. */
  readonly #settled = new Set<Promise<unknown>>()
  readonly #heartbeat: Heartbeat
  readonly #lookout: Lookout
  readonly #restoring = new Rounds(() => this.#restoreAll())
  #unwatch: (() => void) | undefined
  #started: Promise<void> | undefined
  #draining = false
  /** Draining, and what runs here is for others. */
  #leaving = false

  constructor(options: InstanceOptions) {
    this.#options = options
    this.#world = {
      ...options,
      instance: this.id,
      breakers: new Breakers(),
      mayStart: (claim) => this.#mayStart(claim),
    }
    const { store, heartbeatMs: ttlMs, report } = options
    const shared = { store, report, instance: this.id }
    this.#lookout = new Lookout({
      ...shared,
      agents: options.agents,
      isBusy: (sessionId) => this.#isBusy(sessionId),
      takeOver: (sessionId) => this.takeOver(sessionId),
      forget: (sessionId) => this.#forget(sessionId),
      settled: (sessionId) => this.#committed.release(sessionId),
    })
    // The look is not waited for: who has much to look after must not fall silent over it.
    const onBeat = () => this.#look(this.#committed.due)
    this.#heartbeat = new Heartbeat({ ...shared, ttlMs, onBeat })
  }

  /** Whether the store takes what this instance says. */
  get isServed(): boolean {
    return this.#draining || this.#heartbeat.isHeard
  }

  /** Whether summaries are asked for in a session, as its last turns here found. */
  breakerOf(sessionId: string): Breaker {
    return this.#world.breakers.for(sessionId)
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Begins to say that it is alive, once; after a failure it may be tried again. @throws what the store throws */
  start(): Promise<void> {
    if (this.#draining) return Promise.resolve()
    this.#started ??= this.#begin().catch((error: unknown) => {
      this.#started = undefined
      throw error
    })
    return this.#started
  }

  async #begin(): Promise<void> {
    await this.#heartbeat.start()
    // Perhaps the store was away, and came back without what was committed last.
    const hint = () => {
      this.#look(this.#committed.sessionIds)
      this.#restoring.ask()
    }
    this.#unwatch = await this.#options.store.watchInstances(hint)
  }

  /** Readers are ahead of what a failover has left of a log, and a silent model appends nothing to it. */
  async #restoreAll(): Promise<void> {
    const turns = [...this.#turns.values()]
    await Promise.all(turns.map((turn) => this.#quietly(() => turn.restore())))
  }

  #look(doubtful: readonly string[]): void {
    for (const sessionId of doubtful) this.#lookout.doubt(sessionId)
    this.#lookout.look()
  }

  /** Whether the session's turn runs here, or is just being claimed here. */
  #isBusy(sessionId: string): boolean {
    return this.#turns.has(sessionId) || this.#claiming.has(sessionId)
  }

  /** Runs a claim that is ours, and those that follow it in its session. */
  begin(claim: Claim): void {
    this.#settling(this.#runAll(claim))
  }

  #settling(work: Promise<unknown>): void {
    // Who asked for the work sees its failure.
    const settled = work.catch(() => {}).finally(() => this.#settled.delete(settled))
    this.#settled.add(settled)
  }

  /** A turn of this session began for an instance that has its agent: passes the session on. */
  leave(sessionId: string): void {
    this.#look([sessionId])
  }

  /** Obeys a stop at once where the turn runs here; the store tells it elsewhere. */
  endTurn(sessionId: string, logId: string | undefined, end: TurnEnd): void {
    const turn = this.#turns.get(sessionId)
    if (turn !== undefined && (logId === undefined || turn.claim.logId === logId)) turn.end(end)
  }

  /** Does what may claim a session and `begin`; until it is done nothing else here claims it. */
  async claiming<VALUE>(sessionId: string, claim: () => Promise<VALUE>): Promise<VALUE> {
    this.#claiming.set(sessionId, (this.#claiming.get(sessionId) ?? 0) + 1)
    try {
      const claimed = claim()
      this.#settling(claimed)
      return await claimed
    } catch (error) {
      this.#lookout.doubt(sessionId)
      throw error
    } finally {
      const others = (this.#claiming.get(sessionId) ?? 1) - 1
      if (others === 0) this.#claiming.delete(sessionId)
      else this.#claiming.set(sessionId, others)
    }
  }

  /** A turn that makes no progress may have lost its owner. Returns false when the store takes nothing. */
  async lookAfter(sessionId: string): Promise<boolean> {
    try {
      // An instance that has only readers so far must be heard before it may count others as dead.
      await this.start()
      await this.takeOver(sessionId)
      return this.isServed
    } catch (error) {
      this.#options.report(error)
      return !(error instanceof LoomError && error.code === 'unavailable')
    }
  }

  /** Takes a session over whose owner is gone. */
  async takeOver(sessionId: string): Promise<void> {
    if (this.#draining || this.#isBusy(sessionId)) return
    await this.claiming(sessionId, () => this.#takeOver(sessionId))
  }

  async #takeOver(sessionId: string): Promise<void> {
    const { store } = this.#options
    const session = await store.session(sessionId)
    if (session === undefined || session.turn === undefined || session.state !== 'running') return
    const { owner, claim, agent = session.agent } = session.turn
    const isGiven = owner === this.id || owner.startsWith(handedOver)
    if (!isGiven && !(await this.#heartbeat.isDead(owner))) return
    // An instance that has the agent takes it, when there is one: of another version, for example.
    if (this.#options.agentOf(agent) === undefined) {
      return store.pass(sessionId, { from: this.id, agent })
    }
    if (this.#draining || this.#turns.has(sessionId)) return
    // Also for the letter that a commit takes next.
    await store.note(this.id, sessionId)
    const committed = this.#committed.under({ sessionId, claim })
    if (committed !== undefined && owner === this.id) return this.#commitAgain(committed)
    const taken = await store.takeOver(sessionId, claim, {
      instance: this.id,
      handOver: isGiven,
      quietMs: this.#heartbeat.quietMs,
    })
    if (taken !== undefined) this.begin(taken)
  }

  async #commitAgain(committed: TurnCommit): Promise<void> {
    const next = await committed.make()
    this.#committed.add(committed)
    if (next !== undefined) this.begin(next)
  }

  /** Starts nothing new, and gives every running turn to whoever is left. */
  async drain(): Promise<void> {
    this.#draining = true
    this.#leaving = true
    this.#heartbeat.stop()
    this.#unwatch?.()
    for (const turn of this.#turns.values()) turn.end('hand-over')
    await this.#lookout.stop()
    // A post that is under way may begin one more, which is given away at once.
    while (this.#settled.size > 0) await Promise.all(this.#settled)
    await this.#options.store.leave(this.id)
  }

  /** Accepts nothing more, and gives nothing away: where nobody could take a turn over. */
  refuse(): void {
    this.#draining = true
    this.#heartbeat.stop()
  }

  /** Waits for the turns to end by themselves. */
  async idle(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => aborted.resolve(), { once: true })
    while (this.#settled.size > 0 && !signal.aborted) {
      await Promise.race([Promise.all(this.#settled), aborted.promise])
    }
  }

  async #runAll(first: Claim): Promise<void> {
    const { sessionId } = first
    let claim: Claim | undefined = first
    let isCommitted = false
    let isLeft = false
    while (claim !== undefined) {
      const turn: TurnRun = new TurnRun(claim, this.#world)
      this.#turns.set(sessionId, turn)
      if (this.#leaving) turn.end('hand-over')
      claim = await turn.run()
      const { committed } = turn
      isCommitted = committed !== undefined
      isLeft = committed?.isLeft === true
      if (committed !== undefined) this.#committed.add(committed)
      if (turn.ending === 'hand-over') await this.#quietly(() => this.#give(turn.claim))
      if (this.#turns.get(sessionId) === turn) this.#turns.delete(sessionId)
    }
    // What was not committed still has to be looked after.
    if (isLeft) this.#look([sessionId])
    else if (isCommitted) await this.#quietly(() => this.#forget(sessionId))
    else this.#lookout.doubt(sessionId)
  }

  /**
   * An index entry that is no longer needed. Not while a post is under way: it has noted the session,
   * or will do so after this.
   */
  async #forget(sessionId: string): Promise<void> {
    if (this.#draining || this.#isBusy(sessionId)) return
    await this.#options.store.forget(this.id, [sessionId])
  }

  /** Makes the turn nobody's: it need not be told from one whose owner died, and nobody waits. */
  async #give({ sessionId, claim }: Claim): Promise<void> {
    const instance = handedOver + this.id
    const options = { instance, handOver: true }
    await this.#options.store.takeOver(sessionId, claim, options)
  }

  async #mayStart({ sessionId, claim }: Claim): Promise<void> {
    if (this.#heartbeat.isHeard) return
    // Nobody heard us for so long that another may have taken the turn: ask before anything begins.
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
