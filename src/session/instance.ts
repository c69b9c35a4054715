/**
 * One process among those that share a store. It runs the turns that it claims, says in time that it
 * is alive, looks after those that no longer say so, and hands its turns over when it is told to go.
 */
import { randomUUID } from 'node:crypto'

import { LoomError } from '../error.ts'
import type { Store } from '../store.ts'
import type { SessionRecord } from '../store/session.ts'
import type { Claim } from '../store/turn.ts'
import { TurnRun, type TurnEnd, type TurnWorld } from './turn-run.ts'

/** What the owner of a turn is called that was handed over, before somebody has taken it. */
const handedOver = 'handed-over:'

/** Sessions that are taken from a lapsed instance at a time, so that several survivors share them. */
const adoptAtOnce = 50

export interface InstanceOptions extends Omit<TurnWorld, 'instance' | 'mayStart'> {
  store: Store
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
  readonly #settled = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  /** When the store last heard us, and since when without a gap; monotonic milliseconds. */
  #heardAt = Number.NEGATIVE_INFINITY
  #steadySince = Number.POSITIVE_INFINITY
  #draining = false

  constructor(options: InstanceOptions) {
    this.#options = options
    this.#world = {
      ...options,
      instance: this.id,
      mayStart: (claim) => this.#mayStart(claim),
    }
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Begins to say that it is alive. @throws what the store throws */
  async start(): Promise<void> {
    await this.#beat()
    this.#schedule()
  }

  /** Runs a claim that is ours, and those that follow it in its session. */
  begin(claim: Claim): void {
    const settled = this.#runAll(claim).finally(() => this.#settled.delete(settled))
    this.#settled.add(settled)
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
      return await claim()
    } finally {
      const others = (this.#claiming.get(sessionId) ?? 1) - 1
      if (others === 0) this.#claiming.delete(sessionId)
      else this.#claiming.set(sessionId, others)
    }
  }

  /** Takes a session over whose owner is gone. */
  async takeOver(sessionId: string): Promise<void> {
    if (this.#draining || this.#turns.has(sessionId) || this.#claiming.has(sessionId)) return
    await this.claiming(sessionId, () => this.#takeOver(sessionId))
  }

  async #takeOver(sessionId: string): Promise<void> {
    const { store } = this.#options
    const session = await store.session(sessionId)
    if (session === undefined || session.turn === undefined || session.state !== 'running') return
    const { owner, claim } = session.turn
    const isGiven = owner === this.id || owner.startsWith(handedOver)
    if (!isGiven && (!this.#isSteady || (await store.isAlive(owner)))) return
    if (this.#draining || this.#turns.has(sessionId)) return
    await store.note(this.id, sessionId)
    const taken = await store.takeOver(sessionId, claim, {
      nonce: randomUUID(),
      instance: this.id,
      handOver: isGiven,
    })
    if (taken !== undefined) this.begin(taken)
  }

  /** Whether it is long enough ago that the store was away for silence to mean death. */
  get #isSteady(): boolean {
    return performance.now() - this.#steadySince >= this.#options.heartbeatMs
  }

  /** Starts nothing new, and gives every running turn to whoever is left. */
  async drain(): Promise<void> {
    this.#draining = true
    clearTimeout(this.#timer)
    for (const turn of this.#turns.values()) turn.end('hand-over')
    await Promise.allSettled(this.#settled)
    await this.#options.store.leave(this.id)
  }

  /** Waits for the turns to end by themselves, where nobody could take them over. */
  async idle(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => aborted.resolve(), { once: true })
    while (this.#settled.size > 0 && !signal.aborted) {
      await Promise.race([Promise.allSettled(this.#settled), aborted.promise])
    }
  }

  async #runAll(first: Claim): Promise<void> {
    const { sessionId } = first
    let claim: Claim | undefined = first
    let isCommitted = false
    while (claim !== undefined) {
      const turn: TurnRun = new TurnRun(claim, this.#world)
      this.#turns.set(sessionId, turn)
      claim = await turn.run()
      isCommitted = turn.isCommitted
      if (turn.wasHandedOver) await this.#quietly(() => this.#give(turn.claim))
      if (this.#turns.get(sessionId) === turn) this.#turns.delete(sessionId)
    }
    // What was not committed still has to be looked after.
    if (isCommitted) await this.#quietly(() => this.#forget(sessionId))
  }

  /**
   * An index entry that is no longer needed. Not while a post is under way: it has noted the session,
   * or will do so after this.
   */
  async #forget(sessionId: string): Promise<void> {
    if (this.#draining || this.#turns.has(sessionId) || this.#claiming.has(sessionId)) return
    await this.#options.store.forget(this.id, [sessionId])
  }

  /** Makes the turn nobody's: it need not be told from one whose owner died, and nobody waits. */
  async #give({ sessionId, claim }: Claim): Promise<void> {
    const instance = handedOver + this.id
    const options = { nonce: randomUUID(), instance, handOver: true }
    await this.#options.store.takeOver(sessionId, claim, options)
  }

  async #mayStart({ sessionId, claim }: Claim): Promise<void> {
    if (performance.now() - this.#heardAt < this.#options.heartbeatMs) return
    // Nobody heard us for so long that another may have taken the turn: ask before anything begins.
    if (await this.#options.store.owns(sessionId, claim)) return
    this.endTurn(sessionId, undefined, 'lost')
    throw new LoomError('lost', 'Another instance owns this turn now.')
  }

  #schedule(): void {
    const { heartbeatMs } = this.#options
    this.#timer = setTimeout(() => {
      void this.#quietly(async () => {
        await this.#beat()
        await this.#lookAfterOthers()
        await this.#audit()
      }).then(() => this.#draining || this.#schedule())
    }, heartbeatMs / 3)
  }

  async #beat(): Promise<void> {
    const { store, heartbeatMs } = this.#options
    // The time before the call: the store may have heard us then already.
    const now = performance.now()
    await store.beat(this.id, heartbeatMs)
    if (now - this.#heardAt > heartbeatMs) this.#steadySince = now
    this.#heardAt = now
  }

  async #lookAfterOthers(): Promise<void> {
    const { store } = this.#options
    for (const other of await store.lapsed()) {
      if (other !== this.id) await this.adoptFrom(other)
    }
  }

  /** Takes over what another instance left behind. */
  async adoptFrom(other: string): Promise<void> {
    const sessionIds = await this.#options.store.adopt(other, this.id, adoptAtOnce)
    await Promise.all(sessionIds.map((id) => this.#quietly(() => this.takeOver(id))))
  }

  /** A claim whose reply was lost is ours and runs nowhere; an entry that is done is of no use. */
  async #audit(): Promise<void> {
    const { store } = this.#options
    for (const sessionId of await store.noted(this.id)) {
      if (this.#turns.has(sessionId)) continue
      const session = await store.session(sessionId)
      if (this.#turns.has(sessionId)) continue
      if (isRunning(session)) await this.takeOver(sessionId)
      else await this.#forget(sessionId)
    }
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#options.report(error)
    }
  }
}

const isRunning = (session: SessionRecord | undefined) => session?.state === 'running'
