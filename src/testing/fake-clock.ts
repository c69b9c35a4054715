/** A clock that moves only when a test moves it. */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

import type { Clock } from '../ground/clock.ts'

/**
 * A clock that `fakeClock` returns. It moves from timer to timer and gives the program some turns of the
 * event loop after each. It does not see work in progress that has no timer, such as a request to a real
 * server: do not move the clock during such work.
 * @example
 * ```ts
 * import { defineAgent, run } from 'loomkit'
 * import { type FakeClock, fakeClock, scriptedModel } from 'loomkit/testing'
 *
 * const clock: FakeClock = fakeClock()
 * const agent = defineAgent({ name: 'slow', systemPrompt: 'Answer.', model: scriptedModel([{ hangs: true }]) })
 * const answer = run(agent, 'Hello', { clock, signal: AbortSignal.timeout(9000) })
 * await clock.advance(60_000)
 * ```
 */
export interface FakeClock extends Clock {
  /**
   * Moves the clock. Each timer that becomes due on the way runs at its own time. If no timer waits yet, this
   * first waits for one, so that it can directly follow the call of `run`.
   * @throws Error if no timer waits on this clock within 20 real seconds
   */
  advance(ms: number): Promise<void>
  /**
   * Moves the clock from timer to timer until the promise settles, and returns its value. A wait of any length
   * passes at once.
   */
  until<VALUE>(promise: Promise<VALUE>): Promise<VALUE>
  /** Sets the time, also without a timer. Timers that are due run at the next turn of the event loop. */
  set(time: number | string | Date): void
}

interface Timer {
  dueAt: number
  callback: () => void
}

/** The turns of the event loop without a new timer after which the program counts as waiting. */
const quietTurns = 20
/** Real milliseconds, for programs that use other threads (files, imports) between two waits. */
const quietMs = 5
/** Real milliseconds. The first run of a process loads its modules before its first timer. */
const firstTimerMs = 20_000

/**
 * Returns a clock for the `clock` option of `run`, `stream`, `streamAgent`, `Loom`, `startAgent` and
 * `scriptedModel`. With it, a test of a time limit of ten minutes, or of retries with pauses, takes
 * milliseconds. `fakeClock().now` is also a `now` for `openMemoryStore`.
 * @param start the first time. @defaultValue 2026-01-01T00:00:00Z
 * @example
 * ```ts
 * import { defineAgent, run } from 'loomkit'
 * import { fakeClock, scriptedModel } from 'loomkit/testing'
 *
 * const clock = fakeClock()
 * const model = scriptedModel([{ error: { status: 503 } }, 'Hello.'])
 * const agent = defineAgent({ name: 'patient', systemPrompt: 'Greet.', model })
 * const { text } = await clock.until(run(agent, 'Hi', { clock }))
 * ```
 */
export function fakeClock(start: number | string | Date = '2026-01-01T00:00:00Z'): FakeClock {
  return new MovedClock(timeOf(start))
}

/** Only `loomkit/testing` and its tests use it. */
export class MovedClock implements FakeClock {
  readonly #timers = new Set<Timer>()
  readonly #start: number
  #now: number
  readonly #patienceMs: number
  /** Counts the timers that were set or cancelled. */
  #changes = 0

  /** @param patienceMs real milliseconds that `advance` waits for a first timer */
  constructor(now: number, patienceMs = firstTimerMs) {
    this.#now = now
    this.#start = now
    this.#patienceMs = patienceMs
  }

  // Arrow functions: `now` is also passed on as a function.
  now = (): number => this.#now

  elapsed = (): number => this.#now - this.#start

  setTimeout = (callback: () => void, ms: number): (() => void) => {
    const timer = { dueAt: this.#now + Math.max(0, ms), callback }
    this.#timers.add(timer)
    this.#changes++
    return () => {
      if (this.#timers.delete(timer)) this.#changes++
    }
  }

  async advance(ms: number): Promise<void> {
    if (this.#timers.size === 0) await this.#firstTimer()
    const end = this.#now + ms
    for (;;) {
      await this.#quiet()
      const next = this.#next
      if (next === undefined || next.dueAt > end) break
      this.#run(next)
    }
    this.#now = Math.max(this.#now, end)
    await this.#quiet()
  }

  async until<VALUE>(promise: Promise<VALUE>): Promise<VALUE> {
    let isSettled = false
    const settle = () => (isSettled = true)
    promise.then(settle, settle)
    for (;;) {
      await this.#quiet()
      if (isSettled) return promise
      const next = this.#next
      if (next === undefined) await delay(1)
      else this.#run(next)
    }
  }

  set(time: number | string | Date): void {
    this.#now = timeOf(time)
    for (const timer of [...this.#timers].filter(({ dueAt }) => dueAt <= this.#now)) {
      this.#timers.delete(timer)
      this.#changes++
      setImmediate(timer.callback)
    }
  }

  get #next(): Timer | undefined {
    return [...this.#timers].sort((one, other) => one.dueAt - other.dueAt)[0]
  }

  #run(timer: Timer): void {
    this.#timers.delete(timer)
    this.#changes++
    this.#now = Math.max(this.#now, timer.dueAt)
    timer.callback()
  }

  /** Waits until the program only waits: it needs some turns of the event loop from one timer to the next. */
  async #quiet(): Promise<void> {
    let seen = this.#changes
    let since = performance.now()
    for (let turns = 0; turns < quietTurns || performance.now() - since < quietMs; turns++) {
      await nextTurn()
      if (seen === this.#changes) continue
      seen = this.#changes
      since = performance.now()
      turns = 0
    }
  }

  async #firstTimer(): Promise<void> {
    const deadline = performance.now() + this.#patienceMs
    while (this.#timers.size === 0) {
      if (performance.now() > deadline) {
        throw new Error(
          'No timer waits on this clock. Pass it to the run, `run(agent, messages, { clock })`, and move it while the run waits. To move it without a timer, use `clock.set(time)`.',
        )
      }
      await delay(1)
    }
  }
}

function timeOf(time: number | string | Date): number {
  const ms = new Date(time).getTime()
  if (Number.isNaN(ms)) throw new TypeError(`${JSON.stringify(time)} is no time.`)
  return ms
}
