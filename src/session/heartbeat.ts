/** Says in time that an instance is alive, and knows since when the store has heard it without a gap. */
import type { Store } from '../store.ts'

/**
 * How much later than this instance another may find a store that was away, in milliseconds: clients
 * pause between their attempts (`store/redis/client.ts`), each as long as chance has it.
 */
const returnMs = 1000

export interface HeartbeatOptions {
  store: Pick<Store, 'beat'>
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
  #steadyAt = Number.POSITIVE_INFINITY

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
   */
  get isSteady(): boolean {
    return this.isHeard && performance.now() >= this.#steadyAt
  }

  #schedule(): void {
    if (this.#stopped) return
    const { ttlMs, onBeat, report } = this.#options
    this.#timer = setTimeout(() => {
      void this.#beat()
        .then(onBeat)
        .catch(report)
        .then(() => this.#schedule())
    }, ttlMs / 3)
    // A program that has nothing else to do may end.
    this.#timer.unref()
  }

  async #beat(): Promise<void> {
    const { store, instance, ttlMs } = this.#options
    // The time before the call: the store may have heard us then already.
    const now = performance.now()
    await store.beat(instance, ttlMs)
    const gapMs = now - this.#heardAt
    // At the first beat nothing is known to have been away.
    if (gapMs > ttlMs) this.#steadyAt = now + ttlMs + (Number.isFinite(gapMs) ? returnMs : 0)
    this.#heardAt = now
  }
}
