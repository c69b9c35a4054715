/**
 * The time of a run: the time limits of models and tools, the pauses before retries, and the durations that
 * are reported. A test passes another clock, so that a limit of ten minutes passes at once. Heartbeats,
 * polls and time limits of the store take the time of the process, because other processes rely on them.
 */
import { timerMaxMs, untilAborted } from './until-aborted.ts'

/**
 * The source of time for a run. `loomkit/testing` has a fake one.
 * @example
 * ```ts
 * import type { Clock } from 'loomkit'
 * import { fakeClock } from 'loomkit/testing'
 *
 * const clock: Clock = fakeClock()
 * const stop = clock.setTimeout(() => undefined, 1000)
 * ```
 */
export interface Clock {
  /** Returns the time in milliseconds since 1970. */
  now: () => number
  /** Returns milliseconds since some fixed time. It never runs backwards. */
  elapsed: () => number
  /**
   * Calls back once, after this time in milliseconds.
   * @returns a function that cancels the call
   */
  setTimeout: (callback: () => void, ms: number) => () => void
}

/** The clock of the process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  setTimeout(callback, ms) {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/**
 * Waits on a clock.
 * @throws the signal's reason, as an error, once the signal is aborted
 */
export async function wait(
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let cancel: (() => void) | undefined
  try {
    await untilAborted(signal, () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      cancel = clock.setTimeout(resolve, Math.min(ms, timerMaxMs))
      return promise
    })
  } finally {
    cancel?.()
  }
}
