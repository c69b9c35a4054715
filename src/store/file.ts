/**
 * The store in the files of a folder, for one process. The state of a session is the one of
 * `memory/`, and each session has a file to which every change is appended; `file/` has the parts. After the
 * process was killed at any byte, the next one continues: a change that was not written whole is cut off,
 * and turns that ran are taken over at once.
 */
import { join } from 'node:path'

import { LoomError } from '../ground/error.ts'
import { type FieldsOf, refuseMisspeltFields } from '../ground/known-fields.ts'
import { makeFolder } from '../ground/make-folder.ts'
import type { Store } from '../store.ts'
import { fileAudit } from './file/audit.ts'
import { fileCalls } from './file/calls.ts'
import { scan } from './file/catalogue-scan.ts'
import { Catalogue } from './file/catalogue.ts'
import { DiskState } from './file/disk-state.ts'
import { fileErasure } from './file/erasure.ts'
import { codeOf, storeFailure } from './file/failure.ts'
import { lockFolder } from './file/folder-lock.ts'
import { heldHints } from './file/held-hints.ts'
import { MessageForm } from './file/message-form.ts'
import { pageOf } from './file/pages.ts'
import { Residents } from './file/residents.ts'
import { Segments } from './file/segments.ts'
import { SyncQueue } from './file/sync-queue.ts'
import { memoryInstances } from './memory/instances.ts'
import { memoryLogs } from './memory/logs.ts'
import { memoryMailbox } from './memory/mailbox.ts'
import { memoryOwnership } from './memory/ownership.ts'
import { memoryRecords } from './memory/records.ts'
import { memoryRetention } from './memory/retention.ts'
import { memoryDueIndex, memorySchedules } from './memory/schedules.ts'
import type { Bounds } from './memory/session.ts'
import { memoryStatuses } from './memory/statuses.ts'
import { storageMeter } from './memory/storage.ts'
import { memoryTasks } from './memory/tasks.ts'
import type { World } from './memory/turns.ts'
import { handedOver } from './turn.ts'

/**
 * The options of `openFileStore`.
 * @example
 * ```ts
 * import type { FileStoreOptions } from 'loomkit'
 *
 * const options: FileStoreOptions = { folder: './data', sessionTtlMs: 7 * 24 * 3_600_000 }
 * ```
 */
export interface FileStoreOptions extends Partial<Bounds> {
  /**
   * The folder of the files. It is created if it does not exist, with access only for its owner. Only one
   * process at a time can use a folder.
   */
  folder: string
  /** The lifetime of a session after its last write, in milliseconds. @defaultValue 30 days */
  sessionTtlMs?: number
  /**
   * The time for which this version stores messages as version 0.1 does, so that you can return to that version, in
   * milliseconds. It begins with the first start on the folder. After it, new files are smaller, and version 0.1 cannot
   * read them. @defaultValue 86400000
   */
  rollbackMs?: number
  /**
   * The total length of the files whose sessions may stay in memory, in bytes. Above it, idle sessions leave
   * the memory, and their next use reads them again. @defaultValue 64 MiB
   */
  residentBytesMax?: number
  /** The clock, in milliseconds since 1970. @defaultValue Date.now */
  now?: () => number
  /** Receives errors that belong to no call, and notices. @defaultValue emits a process warning */
  report?: (error: unknown) => void
  /** Runs when the files can be written again after a failure. @defaultValue none */
  onBack?: () => void
}

const optionFields: FieldsOf<FileStoreOptions> = {
  folder: true,
  sessionTtlMs: true,
  rollbackMs: true,
  residentBytesMax: true,
  now: true,
  report: true,
  onBack: true,
  knownMax: true,
  branchesMax: true,
  branchedMax: true,
}

const day = 24 * 60 * 60 * 1000

/** The instance that had the turns of the processes before this one. */
const earlier = 'earlier-process'

/**
 * Opens the store; see `open-file-store.ts`.
 * @throws LoomError `invalid-config` if another process uses the folder, or the path is no folder;
 * `unavailable` if the folder cannot be read and written
 */
export async function openFileStore(options: FileStoreOptions): Promise<Store> {
  refuseMisspeltFields(options, {
    subject: 'The options of openFileStore have',
    known: optionFields,
  })
  const { folder, sessionTtlMs = 30 * day, now = Date.now, report = warn, ...others } = options
  const { residentBytesMax = 64 * 1024 * 1024, onBack = () => {}, ...rest } = others
  const { rollbackMs = day, ...limits } = rest
  const bounds: Bounds = { knownMax: 10_000, branchesMax: 100, branchedMax: 2000, ...limits }
  const files = join(folder, 'sessions')
  const orphans = new Set<string>()
  const catalogue = new Catalogue(folder, report)
  const disk = new DiskState({ folder, onBack })
  const syncs = new SyncQueue()
  const form = new MessageForm(rollbackMs, now)
  const segments = new Segments({
    folder: join(folder, 'segments'),
    sessions: files,
    syncs,
    form,
    report,
  })
  const residents: Residents = new Residents({
    folder: files,
    segments,
    syncs,
    form,
    catalogue,
    now,
    sessionTtlMs,
    residentBytesMax,
    report,
    onFailure: disk.noteFailure,
    onRunning({ id, turn }) {
      if (!orphans.has(id) || turn === undefined) return
      // Any instance may take it at once. After a hand-over, no process has died in the turn.
      if (turn.owner.startsWith(handedOver)) orphans.delete(id)
      else turn.owner = handedOver + turn.owner
    },
  })
  const lock = await opened(folder, async () => {
    await makeFolder(files)
    return lockFolder(folder, {
      onLost: (error) => residents.refuse(error),
      onFailure: disk.noteFailure,
    })
  })
  try {
    await opened(folder, async () => {
      form.open(folder)
      await catalogue.read()
      const deleted = await scan(catalogue, { folder: files, now, report, segments })
      await segments.open()
      for (const id of deleted) {
        await residents.load(id)
        await residents.compact(id).catch(report)
      }
    })
  } catch (error) {
    await lock.release()
    throw error
  }
  const hints = heldHints()
  const instances = memoryInstances(now)
  const audit = fileAudit(folder, now)
  let lastUse = 0
  const dueTimes: [sessionId: string, dueAt: number][] = []
  for (const { id, usedAt, record } of catalogue.all()) {
    lastUse = Math.max(lastUse, usedAt)
    if (record?.nextDueAt !== undefined) dueTimes.push([id, record.nextDueAt])
    if (record?.state !== 'running') continue
    orphans.add(id)
    await instances.note(earlier, id)
  }
  // It has lapsed already, so that the first instance of this process adopts its sessions.
  if (orphans.size > 0) await instances.beat(earlier, 0)
  if (catalogue.size > 0) residents.arm()
  const nextUse = () => (lastUse = Math.max(now() * 1000, lastUse + 1))
  const world: World = { now, nextUse, bounds, sessions: residents, hints }
  const memory = {
    ...memoryMailbox(world),
    ...memoryOwnership(world),
    ...memoryLogs(residents, hints, now),
    ...memoryRecords(world),
    ...memorySchedules(world),
    ...memoryTasks(world),
  }
  return {
    ...instances,
    ...memoryStatuses(now),
    ...memoryDueIndex(now, dueTimes),
    ...fileCalls({ residents, hints, memory, orphans }),
    noteAudit: (tenant, event) => audit.noteAudit(tenant, event),
    auditPage: (tenant, page) => audit.auditPage(tenant, page),
    ...fileErasure(residents, catalogue, audit),
    ...storageMeter(catalogue.sums, now),
    ...memoryRetention(() => recordsIn(catalogue), now),
    // An instance counts as alive while it can write.
    async beat(instance, ttlMs) {
      residents.check()
      await disk.check()
      await instances.beat(instance, ttlMs)
    },
    async watchInstances(hint) {
      const end = await instances.watchInstances(hint)
      if (orphans.size > 0) hint('left')
      return end
    },
    async list(tenant, page) {
      return pageOf(catalogue, { tenant, isOver: (row) => residents.isOver(row), ...page })
    },
    async watch(sessionId, topic, hint) {
      return hints.add(sessionId, topic, hint)
    },
    async close() {
      residents.refuse(new LoomError('unavailable', 'The store is closed.'))
      residents.close()
      await residents.finish()
      await catalogue.close().catch(report)
      await lock.release().catch(report)
    },
  }
}

/** @throws LoomError with the folder in its text, because its reader is the operator */
async function opened<VALUE>(folder: string, open: () => Promise<VALUE>): Promise<VALUE> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof LoomError) throw error
    const isNoFolder = ['ENOTDIR', 'EEXIST'].includes(codeOf(error))
    if (isNoFolder) {
      throw new LoomError('invalid-config', `${folder} is not a folder: choose another path.`, {
        cause: error,
      })
    }
    const { message } = storeFailure(error, 'read')
    throw new LoomError('unavailable', `${folder} cannot be used. ${message}`, { cause: error })
  }
}

const recordsIn = (catalogue: Catalogue) =>
  [...catalogue.all()].flatMap(({ record }) => record ?? [])

const warn = (error: unknown) => process.emitWarning(error instanceof Error ? error : String(error))
