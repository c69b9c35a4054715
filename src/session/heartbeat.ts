/** Says in time that an instance is alive, and judges whether the silence of another means its end. */
import type { InstanceRegister } from '../store/instances.ts'

/**
 * How much later than this instance another may find a store that was away, in milliseconds: clients
 * pause between their attempts (`store/redis/client.ts`), each as long as chance has it.
 */
const returnMs = 1000

export interface HeartbeatOptions {
  store: Pick<InstanceRegister, 'beat' | 'isAlive'>
  instance: string
  /** How long an instance that says nothing counts as alive, in milliseconds. */
  ttlMs: number
  /** Called after every beat but the first. */
  onBeat: () => void
  report: (error: unknown) => void
}

export class Heartbeat {
  readonly #options: HeartbeatOptions
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** Monotonic milliseconds. */
  #heardAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #steadyAt = Number.POSITIVE_INFINITY
  /** When the next beat is due, in monotonic milliseconds. */
  #dueAt = Number.POSITIVE_INFINITY

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  /** @throws what the store throws */
  async start(): Promise<void> {
    await this.#beat()
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** Whether others still count this instance as alive. */
  get isHeard(): boolean {
    return performance.now() - this.#heardAt < this.#options.ttlMs
  }

  /**
   * Whether it is long enough ago that the store was away for the silence of others to mean death. A
   * beat that waited for the store to come back counts from when it was tried: others wait still.
   * Not while this instance is late itself: whatever slows it down slows others down, too.
   */
  get isSteady(): boolean {
    const now = performance.now()
    return this.isHeard && now >= this.#steadyAt && now - this.#dueAt <= this.#lateMs
  }

  /** Whether the silence of an instance means its end: never where this one is too late to tell. */
  async isDead(other: string): Promise<boolean> {
    if (!this.isSteady) return false
    return !(await this.#options.store.isAlive(other)) && this.isSteady
  }

  /**
   * How long an owner must not have appended to count as dead, in milliseconds. Two of three beats of
   * a time to live: an instance that dies is silent for longer than that when its heartbeat lapses, so
   * no takeover waits for this.
   */
  get quietMs(): number {
    return (this.#options.ttlMs * 2) / 3
  }

  /** A beat that comes or is answered later than this shows that this process or the store is slow. */
  get #lateMs(): number {
    return this.#options.ttlMs / 3
  }

  #schedule(): void {
    if (this.#stopped) return
    const { ttlMs, onBeat, report } = this.#options
    // From the last beat, not from its answer: a slow answer must not make the next beat late.
    const now = performance.now()
    this.#dueAt = Math.max(now, Math.min(this.#triedAt + ttlMs / 3, now + ttlMs / 3))
    this.#timer = setTimeout(() => {
      void this.#beat()
        .then(onBeat)
        .catch(report)
        .then(() => this.#schedule())
    }, this.#dueAt - now)
    // A program that has nothing else to do may end.
    this.#timer.unref()
  }

  async #beat(): Promise<void> {
    const { store, instance, ttlMs } = this.#options
    // The time before the call: the store may have heard us then already.
    const now = performance.now()
    const overdueMs = now - this.#dueAt
    this.#triedAt = now
    await store.beat(instance, ttlMs)
    const answeredAt = performance.now()
    const gapMs = now - this.#heardAt
    // At the first beat nothing is known to have been away.
    if (gapMs > ttlMs) this.#steadyAt = now + ttlMs + (Number.isFinite(gapMs) ? returnMs : 0)
    // Time for others to be heard, who are perhaps as late: two of their beats.
    if (Math.max(overdueMs, answeredAt - now) > this.#lateMs) {
      this.#steadyAt = Math.max(this.#steadyAt, answeredAt + (ttlMs * 2) / 3)
    }
    this.#heardAt = now
  }
}
