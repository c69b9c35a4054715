/**
 * The places for turns on one instance. Every turn that runs takes one, and so does a post that may begin a
 * turn. The turns of tasks and the answers to calls take a place too, but they never wait for one: a turn
 * that runs may wait for them, so the places could otherwise never become free.
 */
export class Places {
  readonly #max: number
  readonly #running: () => number
  /** The posts and takeovers in progress that may begin a turn. */
  #reserved = 0
  #isAwaited = false

  /** @param running the number of turns that run now */
  constructor(max: number, running: () => number) {
    this.#max = max
    this.#running = running
  }

  /** The number of free places. */
  get free(): number {
    return Math.max(0, this.#max - this.#running() - this.#reserved)
  }

  /** Whether more turns run than there are places, because some did not wait for one. */
  get isExceeded(): boolean {
    return this.#running() + this.#reserved > this.#max
  }

  /**
   * Whether a turn that this instance could not begin may still wait for a place, so that new messages must not
   * take it.
   */
  get isAwaited(): boolean {
    return this.#isAwaited
  }

  /** Notes that a turn waits for a place. */
  await(): void {
    this.#isAwaited = true
  }

  /** Notes that no turn waits for a place any more. */
  settle(): void {
    this.#isAwaited = false
  }

  /** Reserves a place. Returns the function that ends the reservation, or undefined if no place is free. */
  reserve(): (() => void) | undefined {
    if (this.free === 0) return undefined
    this.#reserved++
    let isEnded = false
    return () => {
      if (!isEnded) this.#reserved--
      isEnded = true
    }
  }
}

/**
 * The name under which sessions wait for a place on any instance that has this agent; see `InstanceIndex.pass`.
 * No agent has a name with `!`.
 */
export const placeFor = (agent: string): string => `${agent}!place`
