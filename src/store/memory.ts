/**
 * The store in the memory of one process, for a server without Redis. It keeps the promises of the port,
 * but its data ends with the process. It copies no values: it returns the objects that it received.
 */
import { type FieldsOf, refuseMisspeltFields } from '../ground/known-fields.ts'
import type { Store } from '../store.ts'
import { memoryAudit } from './memory/audit.ts'
import { memoryErasure } from './memory/erasure.ts'
import { createHints } from './memory/hints.ts'
import { memoryInstances } from './memory/instances.ts'
import { memoryLogs } from './memory/logs.ts'
import { memoryMailbox } from './memory/mailbox.ts'
import { memoryOwnership } from './memory/ownership.ts'
import { memoryRecords } from './memory/records.ts'
import { memoryRetention } from './memory/retention.ts'
import { memoryDueIndex, memorySchedules } from './memory/schedules.ts'
import type { Bounds } from './memory/session.ts'
import { createSessionTable } from './memory/sessions.ts'
import { memoryStatuses } from './memory/statuses.ts'
import { storageMeter } from './memory/storage.ts'
import { memoryTasks } from './memory/tasks.ts'

/**
 * The options of `openMemoryStore`.
 * @example
 * ```ts
 * import type { MemoryStoreOptions } from 'loomkit'
 *
 * const options: MemoryStoreOptions = { sessionTtlMs: 3_600_000, sessionsMax: 500 }
 * ```
 */
export interface MemoryStoreOptions extends Partial<Bounds> {
  /** The lifetime of a session after its last write, in milliseconds. @defaultValue 30 days */
  sessionTtlMs?: number
  /**
   * The maximum number of sessions. Above it, the idle sessions that were used the longest ago are dropped.
   * @defaultValue 10000
   */
  sessionsMax?: number
  /**
   * The maximum number of log entries (about 200 bytes each) of finished answers that can be resumed.
   * Above it, the oldest answers are in the history only. @defaultValue 500000
   */
  finishedEntriesMax?: number
  /** The clock, in milliseconds since 1970. @defaultValue Date.now */
  now?: () => number
}

const optionFields: FieldsOf<MemoryStoreOptions> = {
  sessionTtlMs: true,
  sessionsMax: true,
  finishedEntriesMax: true,
  now: true,
  knownMax: true,
  branchesMax: true,
  branchedMax: true,
}

const day = 24 * 60 * 60 * 1000

/**
 * Returns a store in the memory of this process. Its content ends with the process or with `close`.
 * @example
 * ```ts
 * import { defineAgent, Loom, openMemoryStore } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const store = openMemoryStore({ sessionsMax: 500 })
 * const loom = new Loom({ agents: [agent], store })
 * ```
 */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  refuseMisspeltFields(options, {
    subject: 'The options of openMemoryStore have',
    known: optionFields,
  })
  const { sessionTtlMs = 30 * day, sessionsMax = 10_000, now = Date.now, ...others } = options
  const { finishedEntriesMax = 500_000, ...limits } = others
  const bounds: Bounds = { knownMax: 10_000, branchesMax: 100, branchedMax: 2000, ...limits }
  const sessions = createSessionTable({ now, sessionTtlMs, sessionsMax, finishedEntriesMax })
  const hints = createHints()
  let lastUse = 0
  const nextUse = () => (lastUse = Math.max(now() * 1000, lastUse + 1))
  const world = { now, nextUse, bounds, sessions, hints }
  const audit = memoryAudit(now)
  return {
    ...memoryMailbox(world),
    ...memoryOwnership(world),
    ...memoryLogs(sessions, hints, now),
    ...memoryRecords(world),
    ...memorySchedules(world),
    ...memoryDueIndex(now),
    ...memoryTasks(world),
    ...memoryInstances(now),
    ...memoryStatuses(now),
    ...audit,
    ...memoryErasure(sessions, audit),
    ...storageMeter(sessions.sums, now),
    ...memoryRetention(() => sessions.all(), now),
    async watch(sessionId, topic, hint) {
      return hints.add(sessionId, topic, hint)
    },
    async close() {
      sessions.close()
    },
  }
}
