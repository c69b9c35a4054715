/** The wait of a reader of a whole session for the next message. */
import { setTimeout as delay } from 'node:timers/promises'

import type { HintSource } from '../store/hint.ts'
import type { LogReader } from '../store/log.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import type { Instance } from './instance.ts'
import { shuttingDown } from './mailboxes.ts'
import { sessionGone } from './place.ts'
import { type NextMessage, nextMessage, type ReadTo } from './session-places.ts'

/** Whether a reader that has read all of a session ends. */
export type IdleCheck = (session: SessionRecord | undefined) => boolean | Promise<boolean>

export interface NextOptions {
  signal: AbortSignal
  /** Called before each wait with the current session. If it returns true, the wait ends. */
  onIdle: IdleCheck
  /** The time of creation of the reader's session. Undefined if the reader has not seen it yet. */
  createdAt: number | undefined
}

/** The next message of a session, and the time of creation of the session. */
export type NextInSession = NextMessage & Pick<SessionRecord, 'createdAt'>

interface World {
  store: LogReader & SessionReader & HintSource
  instance: Instance
  /** The longest wait for a hint before the next read of the store, in milliseconds. */
  pollMs: number
}

/** The minimum time between two reads of a session, in milliseconds. */
const readIntervalMs = 25

/**
 * Waits for the next message that a reader of the whole session reads.
 * @returns undefined if `onIdle` ended the wait
 * @throws LoomError `unavailable` if this instance shuts down; `gone` if the session is deleted or has
 * expired, also if a new session has its id
 */
export async function waitForNext(
  { store, instance, pollMs }: World,
  { sessionId, readTo }: { sessionId: string; readTo: ReadTo | undefined },
  { signal, onIdle, createdAt: knownCreation }: NextOptions,
): Promise<NextInSession | undefined> {
  let createdAt = knownCreation
  let hint = Promise.withResolvers<void>()
  const unwatch = await store.watch(sessionId, 'log', () => hint.resolve())
  try {
    for (;;) {
      signal.throwIfAborted()
      if (instance.isDraining) throw shuttingDown()
      // A hint after this line may announce something newer than this read.
      hint = Promise.withResolvers()
      const session = await store.session(sessionId)
      createdAt ??= session?.createdAt
      if (session?.createdAt !== createdAt) throw sessionGone()
      const next = session && (await nextMessage(store, session, readTo))
      if (session !== undefined && next !== undefined)
        return { ...next, createdAt: session.createdAt }
      if (await onIdle(session)) return undefined
      await Promise.race([hint.promise, delay(pollMs, undefined, { signal })])
      await delay(readIntervalMs, undefined, { signal })
      if (session?.state === 'running') await instance.lookAfter(sessionId)
    }
  } finally {
    unwatch()
  }
}
