/**
 * The log lines of a store outage: one line at once, then lines at growing intervals, and one when
 * the store is back. Every request that needs the store fails in this time, and a line for each
 * failure would hide the first. An outage is a row of failures with less than a minute between two
 * of them.
 */
export class Outage {
  readonly #now: () => number
  /** In milliseconds, like all times here. */
  #beganAt: number | undefined
  #lastAt = 0
  #dueAt = 0
  #pauseMs = firstPauseMs
  #skippedCount = 0

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Returns the line to log for a failure, or undefined if a line was logged a short time ago. */
  lineOf(failure: string): string | undefined {
    const now = this.#now()
    if (this.#beganAt === undefined || now - this.#lastAt > quietMs) this.#begin(now)
    this.#lastAt = now
    if (now < this.#dueAt) {
      this.#skippedCount++
      return undefined
    }
    const more = this.#skippedCount === 0 ? '' : ` (and ${this.#skippedCount} more)`
    this.#skippedCount = 0
    this.#dueAt = now + this.#pauseMs
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
    return failure + more
  }

  /** Ends the outage. Returns its length, or undefined if no failure was recorded. */
  end(): number | undefined {
    const beganAt = this.#beganAt
    this.#beganAt = undefined
    return beganAt === undefined ? undefined : this.#now() - beganAt
  }

  #begin(now: number): void {
    this.#beganAt = now
    this.#dueAt = now
    this.#pauseMs = firstPauseMs
    this.#skippedCount = 0
  }
}

const firstPauseMs = 2000
const longestPauseMs = 600_000
const quietMs = 60_000
