/**
 * A store that is away, as whoever runs the server is told of it: at once, then ever more seldom, and
 * when it is back. Everything that needs the store fails for as long, so that a line for each failure
 * would only hide the first. What an outage is: failures with no minute of quiet between them.
 */
export class Outage {
  readonly #now: () => number
  /** In milliseconds, as all times here. */
  #beganAt: number | undefined
  #lastAt = 0
  #dueAt = 0
  #pauseMs = firstPauseMs
  #untold = 0

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** What to write of a failure: nothing where something like it was written just now. */
  told(failure: string): string | undefined {
    const now = this.#now()
    if (this.#beganAt === undefined || now - this.#lastAt > quietMs) this.#begin(now)
    this.#lastAt = now
    if (now < this.#dueAt) {
      this.#untold++
      return undefined
    }
    const more = this.#untold === 0 ? '' : ` (and ${this.#untold} more)`
    this.#untold = 0
    this.#dueAt = now + this.#pauseMs
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
    return failure + more
  }

  /** The store answers again. How long it was away; undefined where nobody was told that it was. */
  end(): number | undefined {
    const beganAt = this.#beganAt
    this.#beganAt = undefined
    return beganAt === undefined ? undefined : this.#now() - beganAt
  }

  #begin(now: number): void {
    this.#beganAt = now
    this.#dueAt = now
    this.#pauseMs = firstPauseMs
    this.#untold = 0
  }
}

const firstPauseMs = 2000
const longestPauseMs = 600_000
const quietMs = 60_000
