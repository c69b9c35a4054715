/**
 * The port to everything that outlives a process. It consists of small ports, one for each noun: the
 * mailbox, the turn, the log, the session, the schedules, the tasks, the instances and their reports, the audit, the erasure,
 * the amounts that owners store, the retention and the hints. An adapter has no policy of
 * conversations: it moves letters, locks stale owners out and keeps the order. A method rejects with
 * LoomError `unavailable` if the store could not be reached in time. The store may have made the
 * requested change or not.
 *
 * Values that go in or come out are immutable: an adapter may keep and return them by reference.
 */
import type { AuditStore } from './store/audit.ts'
import type { ErasureStore } from './store/erasure.ts'
import type { HintSource } from './store/hint.ts'
import type { StatusStore } from './store/instance-status.ts'
import type { InstanceStore } from './store/instances.ts'
import type { LogReader, LogWriter } from './store/log.ts'
import type { MailboxStore } from './store/mailbox.ts'
import type { RetentionIndex } from './store/retention.ts'
import type { ScheduleStore } from './store/schedule.ts'
import type { SessionStore } from './store/session.ts'
import type { StorageMeter } from './store/storage.ts'
import type { TaskStore } from './store/task.ts'
import type { TurnStore } from './store/turn.ts'

/**
 * The port of the store, which keeps sessions, their queues, histories and logs, and the ownership of turns.
 * `openMemoryStore`, `openFileStore` and `openRedisStore` return its adapters. A method rejects with LoomError `unavailable` if
 * the store cannot be reached in time.
 * @example
 * ```ts
 * import { openMemoryStore, type Store } from 'loomkit'
 *
 * const store: Store = openMemoryStore()
 * const history = await store.messages('lesson-1')
 * await store.close()
 * ```
 */
export interface Store
  extends
    MailboxStore,
    TurnStore,
    LogWriter,
    LogReader,
    SessionStore,
    ScheduleStore,
    TaskStore,
    InstanceStore,
    StatusStore,
    AuditStore,
    ErasureStore,
    StorageMeter,
    RetentionIndex,
    HintSource {
  /**
   * Returns the same store for callers that wait a shorter time: a call fails with `unavailable` after
   * `patienceMs` milliseconds, and is not sent after that. Absent if the store is always reachable.
   */
  within?(patienceMs: number): Store
  /** Ends every wait and every subscription. Running calls reject. */
  close(): Promise<void>
}
