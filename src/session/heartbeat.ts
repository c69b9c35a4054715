/** Renews the heartbeat of an instance, and decides whether another instance without one is dead. */
import type { InstanceRegister } from '../store/instances.ts'

/**
 * The time by which another instance may reconnect to the store later than this one, in milliseconds.
 * Clients pause for random times between their attempts (`store/redis/client.ts`).
 */
const reconnectMs = 1000

export interface HeartbeatOptions {
  store: Pick<InstanceRegister, 'beat' | 'isAlive'>
  instance: string
  /** The time without a heartbeat after which an instance counts as dead, in milliseconds. */
  ttlMs: number
  /** Called after every beat except the first. */
  onBeat: () => void
  report: (error: unknown) => void
}

export class Heartbeat {
  readonly #options: HeartbeatOptions
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  // All times are in monotonic milliseconds.
  /** The time when the last successful beat was sent. */
  #beatAt = Number.NEGATIVE_INFINITY
  /** The time when the last beat was sent, successful or not. */
  #attemptAt = Number.NEGATIVE_INFINITY
  #steadyAt = Number.POSITIVE_INFINITY
  /** The time when the next beat is due. */
  #dueAt = Number.POSITIVE_INFINITY

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  /** Sends the first beat and schedules the next ones. @throws LoomError `unavailable` */
  async start(): Promise<void> {
    await this.#beat()
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** Whether other instances still count this instance as alive. */
  get isAlive(): boolean {
    return performance.now() - this.#beatAt < this.#options.ttlMs
  }

  /**
   * Whether an expired heartbeat of another instance shows its death. It does not soon after an outage of
   * the store, because the others may still wait for the store. A beat that waited for the store counts
   * from the time when it was sent. It does not while this instance is late itself either: the same load
   * may delay the others.
   */
  get isSteady(): boolean {
    const now = performance.now()
    return this.isAlive && now >= this.#steadyAt && now - this.#dueAt <= this.#lateMs
  }

  /** Whether an instance is dead. False while this instance cannot decide it; see `isSteady`. */
  async isDead(other: string): Promise<boolean> {
    if (!this.isSteady) return false
    return !(await this.#options.store.isAlive(other)) && this.isSteady
  }

  /**
   * The time since the last append after which an owner counts as dead, in milliseconds: two of the three
   * beats of a time to live. The heartbeat of a dead instance expires later than that, so that no takeover
   * waits for this time.
   */
  get quietMs(): number {
    return (this.#options.ttlMs * 2) / 3
  }

  /** If a beat or its response is later than this, the process or the store is slow. In milliseconds. */
  get #lateMs(): number {
    return this.#options.ttlMs / 3
  }

  #schedule(): void {
    if (this.#isStopped) return
    const { ttlMs, onBeat, report } = this.#options
    // Measured from the last beat and not from its response: a slow response must not delay the next beat.
    const now = performance.now()
    this.#dueAt = Math.max(now, Math.min(this.#attemptAt + ttlMs / 3, now + ttlMs / 3))
    this.#timer = setTimeout(() => {
      void this.#beat()
        .then(onBeat)
        .catch(report)
        .then(() => this.#schedule())
    }, this.#dueAt - now)
    // The timer must not keep a program alive.
    this.#timer.unref()
  }

  async #beat(): Promise<void> {
    const { store, instance, ttlMs } = this.#options
    // The time before the call, because the time to live may begin at once.
    const now = performance.now()
    const overdueMs = now - this.#dueAt
    this.#attemptAt = now
    await store.beat(instance, ttlMs)
    const responseAt = performance.now()
    const gapMs = now - this.#beatAt
    // The first beat does not follow an outage: the gap is infinite.
    if (gapMs > ttlMs) this.#steadyAt = now + ttlMs + (Number.isFinite(gapMs) ? reconnectMs : 0)
    // The other instances may be as late: they get the time of two beats.
    if (Math.max(overdueMs, responseAt - now) > this.#lateMs) {
      this.#steadyAt = Math.max(this.#steadyAt, responseAt + (ttlMs * 2) / 3)
    }
    this.#beatAt = now
  }
}
