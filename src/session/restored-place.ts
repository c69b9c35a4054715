/**
 * The place of a reader that comes back and is ahead of the log: a failover of the store lost entries
 * that the reader has, and the owner of the turn, which holds them, appends them again. The reader
 * waits for that, for a bounded time. A place that nobody can restore is `gone`.
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
  /** How long a hint is waited for before the store is asked again, in milliseconds. */
  pollMs: number
  /** How long the owner has to restore the place, in milliseconds. */
  waitMs: number
  /** Called when the place is still missing: the owner may be dead, and then another instance goes on. */
  onMissing: () => void
}

/** An append gives a hint; so many milliseconds later the next look. */
const lookAtMostEveryMs = 25

/**
 * @throws LoomError `gone` when nobody has the place; `unavailable` when the owner has it, but did not
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
      // What is hinted from here on is perhaps not in this look.
      hint = Promise.withResolvers()
      const place = await placeBehind(store, sessionId, cursor)
      if (place !== 'ahead') return place
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) throw notRestored()
      onMissing()
      await Promise.race([hint.promise, delay(Math.min(pollMs, leftMs))])
      await delay(lookAtMostEveryMs)
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
