/**
 * Waits for what may never come (a tool, a callback, somebody's rule) without holding up an abort.
 * Whatever is left behind settles on its own: nobody hears of it, and its failure is no stranger's.
 */
import { LoomError } from './error.ts'

/** @throws whatever `work` throws; the signal's reason, as an error, once it is aborted. */
export async function untilAborted<RESULT>(
  signal: AbortSignal | undefined,
  work: () => RESULT | PromiseLike<RESULT>,
): Promise<RESULT> {
  if (signal === undefined) return work()
  const aborted = Promise.withResolvers<never>()
  const stop = () => aborted.reject(abortError(signal))
  if (signal.aborted) throw abortError(signal)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work(), aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** A reason may be anything; what is thrown is an error. */
export function abortError(signal: AbortSignal): Error {
  const { reason }: { reason: unknown } = signal
  if (reason instanceof Error) return reason
  return new LoomError('aborted', typeof reason === 'string' ? reason : 'Aborted.')
}

/** Node fires a timer of more milliseconds than this at once. */
export const timerMaxMs = 2_147_483_647
