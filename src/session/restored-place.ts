/**
 * The place of a returning reader that has more entries than the log: a failover of the store lost them,
 * and the owner of the turn, which still has them, appends them again. The reader waits for that up to a
 * deadline. If no owner can restore the place, it is `gone`.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../ground/error.ts'
import type { HintSource } from '../store/hint.ts'
import type { LogReader } from '../store/log.ts'
import type { SessionReader } from '../store/session.ts'
import { type Place, placeBehind } from './place.ts'

export interface RestoredPlaceOptions {
  store: LogReader & SessionReader & HintSource
  sessionId: string
  cursor: string
  /** The longest wait for a hint before the next read of the store, in milliseconds. */
  pollMs: number
  /** The time that the owner has to restore the place, in milliseconds. */
  waitMs: number
  /** Called while the place is missing: the owner may be dead, and then another instance continues. */
  onMissing: () => void
}

/** The minimum time between two reads of a session, in milliseconds. */
const readIntervalMs = 25

/**
 * @throws LoomError `gone` if no owner has the place; `unavailable` if the owner has it and did not
 * restore it in time
 */
export async function restoredPlace(options: RestoredPlaceOptions): Promise<Place> {
  const { store, sessionId, cursor } = options
  const place = await placeBehind(store, sessionId, cursor)
  return place === 'ahead' ? waitFor(options) : place
}

async function waitFor(options: RestoredPlaceOptions): Promise<Place> {
  const { store, sessionId, cursor, pollMs, waitMs, onMissing } = options
  const deadline = performance.now() + waitMs
  let hint = Promise.withResolvers<void>()
  const unwatch = await store.watch(sessionId, 'log', () => hint.resolve())
  try {
    for (;;) {
      // A hint after this line may announce something newer than this read.
      hint = Promise.withResolvers()
      const place = await placeBehind(store, sessionId, cursor)
      if (place !== 'ahead') return place
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) throw notRestored()
      onMissing()
      await Promise.race([hint.promise, delay(Math.min(pollMs, leftMs))])
      await delay(readIntervalMs)
    }
  } finally {
    unwatch()
  }
}

const notRestored = () =>
  new LoomError(
    'unavailable',
    'The store lost this place of the stream, and the instance that has it has not restored it yet. Send the request again.',
    { retryable: true, retryAfterMs: 1000 },
  )
