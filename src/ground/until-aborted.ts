/**
 * Waits for work that may never end (a tool, a callback, a rule of the application), but not after
 * an abort. The abandoned work settles on its own, and its rejection is ignored.
 */
import { LoomError } from './error.ts'

/**
 * @throws the error of `work`
 * @throws the signal's reason, as an error, once the signal is aborted
 */
export async function untilAborted<RESULT>(
  signal: AbortSignal | undefined,
  work: () => RESULT | PromiseLike<RESULT>,
): Promise<RESULT> {
  if (signal === undefined) return work()
  const abort = Promise.withResolvers<never>()
  const stop = () => abort.reject(abortError(signal))
  if (signal.aborted) throw abortError(signal)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work(), abort.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** A reason may be any value; a thrown value must be an error. */
export function abortError(signal: AbortSignal): Error {
  const { reason }: { reason: unknown } = signal
  if (reason instanceof Error) return reason
  return new LoomError('aborted', typeof reason === 'string' ? reason : 'Aborted.')
}

/** The longest timer of Node, in milliseconds. Node fires a longer one at once. */
export const timerMaxMs = 2_147_483_647
