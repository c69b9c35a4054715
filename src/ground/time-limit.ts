/** A limit of time for work of the application that may never end: a callback, a rule, a lookup. */
import { timerMaxMs, untilAborted } from './until-aborted.ts'

export interface TimeLimit {
  /** The longest wait, in milliseconds of the process: a test that moves its clock must not end the wait. */
  limitMs: number
  /** The error after the limit. */
  lateError: () => Error
  /** Returns the signal that ends the wait. It is called only if there is a wait. */
  signal: () => AbortSignal | undefined
}

/**
 * Returns the result of `work`, at once if it is no promise. Work that is abandoned settles on its own.
 * @throws the error of `work`; `lateError` after the limit; the signal's reason, as an error, once the signal
 * is aborted
 */
export async function withinLimit<RESULT>(
  { limitMs, lateError, signal }: TimeLimit,
  work: () => RESULT | PromiseLike<RESULT>,
): Promise<RESULT> {
  const result = work()
  if (!isPending(result)) return result
  const late = Promise.withResolvers<never>()
  // A wait for nothing must not keep the process running.
  const timer = setTimeout(() => late.reject(lateError()), Math.min(limitMs, timerMaxMs)).unref()
  const inTime = Promise.race([result, late.promise])
  try {
    return await untilAborted(signal(), () => inTime)
  } finally {
    clearTimeout(timer)
  }
}

const isPending = <RESULT>(value: RESULT | PromiseLike<RESULT>): value is PromiseLike<RESULT> =>
  typeof value === 'object' && value !== null && 'then' in value
