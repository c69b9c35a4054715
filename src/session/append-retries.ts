/** Repeats an append to a store that cannot be reached. The id of its entry makes the repetition safe. */
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../ground/error.ts'
import type { AppendReply } from '../store/log.ts'

/**
 * @param patienceMs the longest time from the first attempt to the last one, in milliseconds
 * @throws LoomError `unavailable` after this time; other errors as the store throws them, or as the cause
 * of `unavailable`
 */
export async function withRetries(
  append: () => Promise<AppendReply>,
  patienceMs: number,
): Promise<AppendReply> {
  const deadline = performance.now() + patienceMs
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
    try {
      return await append()
    } catch (error) {
      const left = deadline - performance.now()
      if (!(error instanceof LoomError)) throw unwritable(error)
      if (error.code !== 'unavailable' || left <= 0) throw error
      await delay(Math.min(pauseMs, left))
    }
  }
}

const unwritable = (cause: unknown) =>
  new LoomError('unavailable', 'The log cannot be written.', { cause, retryable: true })
