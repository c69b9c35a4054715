/**
 * Measures the pauses of a stream: one call for each read, which compares numbers and keeps no list. The
 * result is a histogram, so that a slow token is visible among a million fast ones.
 */

/** The upper bounds of the pauses that are counted together, in milliseconds. A longer pause is counted last. */
export const pauseBoundsMs: readonly number[] = [
  5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000,
]

/** The pauses of one stream. */
export interface Pauses {
  /** The number of pauses. */
  count: number
  /** The sum of all pauses, in milliseconds. */
  totalMs: number
  /** The longest pause, in milliseconds. */
  longestMs: number
  /**
   * The number of pauses by length: up to 5, 10, 20, 50, 100, 200 and 500 ms, up to 1, 2, 5, 10 and 30 s, and
   * longer. A pause is counted once.
   */
  counts: readonly number[]
}

export class PauseMeter {
  readonly #counts = new Uint32Array(pauseBoundsMs.length + 1)
  #lastAt: number | undefined
  #count = 0
  #totalMs = 0
  #longestMs = 0

  /** @param at the time of a read, in milliseconds of a clock that never runs backwards */
  note(at: number): void {
    const lastAt = this.#lastAt
    this.#lastAt = at
    if (lastAt === undefined) return
    const pauseMs = at - lastAt
    let index = 0
    while (pauseMs > (pauseBoundsMs[index] ?? Number.POSITIVE_INFINITY)) index++
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#count++
    this.#totalMs += pauseMs
    if (pauseMs > this.#longestMs) this.#longestMs = pauseMs
  }

  /** The pauses so far. Undefined before the second read. */
  get pauses(): Pauses | undefined {
    if (this.#count === 0) return undefined
    return {
      count: this.#count,
      totalMs: this.#totalMs,
      longestMs: this.#longestMs,
      counts: [...this.#counts],
    }
  }
}
