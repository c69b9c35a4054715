/**
 * A circuit breaker for summaries. A model that cannot write one would cost its price with every
 * step. After several failures no summary is asked for; after a rest period one is tried again.
 */
const failuresMax = 3
const restMs = 10 * 60_000

/** Stops the summaries of a session for ten minutes after three consecutive failures. */
export class Breaker {
  readonly #now: () => number
  #failures = 0
  #failedAt = 0

  /** @param now milliseconds, on any clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Whether summaries are stopped now. */
  get isOpen(): boolean {
    return this.#failures >= failuresMax && this.#now() - this.#failedAt < restMs
  }

  /** Resets the count of failures. */
  recordSuccess(): void {
    this.#failures = 0
  }

  /** Counts a failure. After the rest period, one more failure opens the breaker again. */
  recordFailure(): void {
    // After the rest period, one more failure opens the breaker again.
    this.#failures++
    this.#failedAt = this.#now()
  }
}

/** The breakers of the sessions of this process, at most `most`, the most recently used ones. */
export class Breakers {
  readonly #of = new Map<string, Breaker>()
  readonly #most: number

  constructor(most = 1000) {
    this.#most = most
  }

  /** Returns the same breaker for the same session while it is among the most recently used ones. */
  for(sessionId: string): Breaker {
    const breaker = this.#of.get(sessionId) ?? new Breaker()
    this.#of.delete(sessionId)
    this.#of.set(sessionId, breaker)
    const [oldest] = this.#of.keys()
    if (this.#of.size > this.#most && oldest !== undefined) this.#of.delete(oldest)
    return breaker
  }
}
