/**
 * The store of one process: what a server without Redis has. The same port and the same promises, but
 * for outliving the process. Nothing is copied: what is given in is what is given out.
 */
import type { Store } from '../store.ts'
import { createHints } from './memory/hints.ts'
import { memoryInstances } from './memory/instances.ts'
import { memoryLogs } from './memory/logs.ts'
import { memoryMailbox } from './memory/mailbox.ts'
import { memoryOwnership } from './memory/ownership.ts'
import { memoryRecords } from './memory/records.ts'
import { createOnce } from './memory/replies.ts'
import type { Bounds } from './memory/session.ts'
import { createSessionTable } from './memory/sessions.ts'

export interface MemoryStoreOptions extends Partial<Bounds> {
  /** How long a session lives after its last write, in milliseconds. */
  sessionTtlMs?: number
  /** Sessions that are kept; beyond that, idle ones are dropped, the last used last. */
  sessionsMax?: number
  /**
   * Entries (some 200 bytes each) of finished answers that can still be resumed; beyond that the
   * oldest answers are found in the history only. @defaultValue 500000
   */
  finishedEntriesMax?: number
  /** Milliseconds since 1970. */
  now?: () => number
}

const day = 24 * 60 * 60 * 1000

/** How long a call may be made again with its nonce. */
const replyTtlMs = 180_000

/** A store that ends with its process, or is emptied by `close`. */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  const { sessionTtlMs = 30 * day, sessionsMax = 10_000, now = Date.now, ...rest } = options
  const { finishedEntriesMax = 500_000, ...given } = rest
  const bounds: Bounds = { knownMax: 10_000, branchesMax: 100, branchedMax: 2000, ...given }
  const sessions = createSessionTable({ now, sessionTtlMs, sessionsMax, finishedEntriesMax })
  const hints = createHints()
  const once = <REPLY>() => createOnce<REPLY>(now, replyTtlMs)
  let lastUse = 0
  const nextUse = () => (lastUse = Math.max(now() * 1000, lastUse + 1))
  const world = { now, nextUse, bounds, sessions, hints, once }
  return {
    ...memoryMailbox(world),
    ...memoryOwnership(world),
    ...memoryLogs(sessions, hints, now),
    ...memoryRecords(world),
    ...memoryInstances(now),
    async watch(sessionId, topic, hint) {
      return hints.add(sessionId, topic, hint)
    },
    async close() {
      sessions.close()
    },
  }
}
