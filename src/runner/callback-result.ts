/** The result of a callback of the user, which may never come. */
import { LoomError } from '../ground/error.ts'
import { abortError, timerMaxMs, untilAborted } from '../ground/until-aborted.ts'

export interface CallbackCall {
  /** The callback in the error text: `prepareStep of agent "tutor"`. */
  name: string
  signal?: AbortSignal | undefined
  /** The longest wait, in milliseconds of the process: a test that moves its clock must not end the wait. */
  limitMs: number
}

/**
 * @throws the error of the callback; LoomError `internal` after the limit; the signal's reason, as an error,
 * once the signal is aborted
 */
export async function callbackResult<RESULT>(
  { name, signal, limitMs }: CallbackCall,
  callback: () => RESULT | PromiseLike<RESULT>,
): Promise<RESULT> {
  if (signal?.aborted === true) throw abortError(signal)
  const result = callback()
  if (!isPending(result)) return result
  const late = Promise.withResolvers<never>()
  const text = `${name} did not return within ${limitMs / 1000} s.`
  // A wait for nothing must not keep the process running.
  const timer = setTimeout(
    () => late.reject(new LoomError('internal', text)),
    Math.min(limitMs, timerMaxMs),
  ).unref()
  const inTime = Promise.race([result, late.promise])
  try {
    return await untilAborted(signal, () => inTime)
  } finally {
    clearTimeout(timer)
  }
}

const isPending = <RESULT>(value: RESULT | PromiseLike<RESULT>): value is PromiseLike<RESULT> =>
  typeof value === 'object' && value !== null && 'then' in value
