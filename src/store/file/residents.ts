/**
 * The sessions of a folder that are in memory now. A session is read at its first use, and leaves the
 * memory when it is idle and others need the room. Its file has every change before a reader sees it: a
 * change that cannot be written takes the session out of memory, and the next use reads the file again. The file is long because a read, a
 * change, a failed write and the way out of memory exclude each other through one state for each session.
 */
import { rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

import type { UIMessage } from 'ai'

import type { LoomError } from '../../ground/error.ts'
import { addSpending, noSpending } from '../../spending.ts'
import { forkedMessages, type ForkOptions, recordOf } from '../memory/records.ts'
import type { MemorySession } from '../memory/session.ts'
import type { SessionTable } from '../memory/sessions.ts'
import type { StorageSums } from '../memory/storage.ts'
import type { TaskTree } from '../memory/task-tree.ts'
import { isTaskId, rootOf } from '../task.ts'
import type { Catalogue, Row } from './catalogue.ts'
import { codeOf, storeFailure } from './failure.ts'
import { digestOf, pathOf } from './file-names.ts'
import type { SessionImage } from './image.ts'
import { copiesIn, cutEnd, removeCopy } from './incomplete-end.ts'
import type { MessageForm } from './message-form.ts'
import { readStored } from './replay.ts'
import { Resident } from './resident.ts'
import type { Segments } from './segments.ts'
import { SessionFile } from './session-file.ts'
import { shareMessages } from './sharing.ts'
import { checkFormat, format } from './stored.ts'
import type { SyncQueue } from './sync-queue.ts'

export interface ResidentsOptions {
  /** The folder of the files. */
  folder: string
  segments: Segments
  form: MessageForm
  syncs: SyncQueue
  catalogue: Catalogue
  now: () => number
  sessionTtlMs: number
  /** The sum of the lengths of the files whose sessions may stay in memory. */
  residentBytesMax: number
  report: (error: unknown) => void
  /** Called when a file could not be read, written or synced. */
  onFailure: () => void
  /** Called when a session was read whose turn runs. */
  onRunning: (session: MemorySession) => void
}

/** The interval of the search for expired data, in milliseconds. No reader gets an expired log before that either. */
const sweepEveryMs = 5000

/** A file of this length contains too much for one write, in bytes. */
const largeSize = 500_000

/** The length of a session whose forks share its messages, in bytes. */
const sharedSize = 65_536

/** Each session in memory may hold a file open. */
const residentsMax = 500

export class Residents implements SessionTable {
  readonly #options: ResidentsOptions
  /** The session that was used the longest ago first. */
  readonly #residents = new Map<string, Resident>()
  readonly #loads = new Map<string, Promise<void>>()
  /** The files whose sync failed: the disk may lack data that the file system shows. */
  readonly #doubtful = new Set<string>()
  readonly #compactions = new Set<Promise<void>>()
  #bytes = 0
  /** The number of calls for which a session must stay in memory. */
  readonly #pins = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #refusal: LoomError | undefined

  constructor(options: ResidentsOptions) {
    this.#options = options
  }

  // The table of the calls in memory. They use a session after `ready`, in the same step.

  get(id: string): MemorySession | undefined {
    const row = this.#options.catalogue.get(id)
    return row !== undefined && this.isOver(row) ? undefined : this.#residents.get(id)?.session
  }

  put(session: MemorySession): void {
    const resident = this.#residentOf(session.id)
    resident.session = session
    resident.isTouched = true
    if (isTaskId(session.id)) this.#touch(rootOf(session.id))
  }

  /** A use of a task renews the lifetime of its root. */
  #touch(rootId: string): void {
    const { catalogue, now } = this.#options
    const row = catalogue.get(rootId)
    if (row !== undefined) catalogue.put({ ...row, writtenAt: now() })
  }

  get sums(): StorageSums {
    return this.#options.catalogue.sums
  }

  *all(): Iterable<MemorySession> {
    for (const { id } of this.#residents.values()) {
      const session = this.get(id)
      if (session !== undefined) yield session
    }
  }

  expireLog(session: MemorySession, logId: string, until: number): void {
    const log = session.logs.get(logId)
    if (log !== undefined) log.until = until
  }

  // Forks

  /**
   * Prepares a fork: both sessions share the large messages. Returns the messages that the fork needs to have written
   * ahead, because they are too many for one write. @throws LoomError `unavailable`
   */
  async prepareFork(id: string, options: ForkOptions): Promise<readonly UIMessage[]> {
    const { catalogue, segments } = this.#options
    const { newId, tenant } = options
    const resident = this.#residents.get(id)
    const { session } = resident ?? {}
    const isTaken = this.#residents.has(newId) || catalogue.get(newId) !== undefined
    if (resident === undefined || session === undefined) return []
    if (session.tenant !== tenant || session.state === 'deleted' || isTaken) return []
    const messages = forkedMessages(session, options) ?? []
    if (resident.weight >= sharedSize) {
      // A compaction that has begun would end the use of a new segment.
      await Promise.allSettled(this.#compactions)
      const isDouble = await shareMessages(segments, { id, newId, messages }).catch(this.#fail)
      // The next change, or the end of the fork, writes the file of the origin anew.
      if (isDouble) resident.compactSize = 0
    }
    return resident.file.size < largeSize ? [] : messages
  }

  /** After a fork, or a failed one. */
  endFork(id: string, newId: string): void {
    const { catalogue, segments, report } = this.#options
    const resident = this.#residents.get(id)
    if (resident !== undefined) this.#compactOutdated(resident)
    if (this.#residents.has(newId) || catalogue.get(newId) !== undefined) return
    try {
      segments.keepOnly(newId, new Map())
    } catch (error) {
      report(error)
    }
  }

  // Reading

  /** Whether a call can use the session now, or needs `load` first. */
  isReady(id: string): boolean {
    this.check()
    return this.#residents.has(id) || this.#options.catalogue.get(id) === undefined
  }

  /** Keeps sessions in memory that one call needs together, until the returned function is called. */
  pin(ids: readonly string[]): () => void {
    for (const id of ids) this.#pins.set(id, (this.#pins.get(id) ?? 0) + 1)
    return () => {
      for (const id of ids) {
        const count = (this.#pins.get(id) ?? 1) - 1
        if (count === 0) this.#pins.delete(id)
        else this.#pins.set(id, count)
      }
    }
  }

  /** Reads a session into memory. @throws LoomError `unavailable` */
  load(id: string): Promise<void> {
    let load = this.#loads.get(id)
    if (load === undefined) {
      load = this.#read(id)
        .catch(this.#fail)
        .finally(() => this.#loads.delete(id))
      this.#loads.set(id, load)
    }
    return load
  }

  async #read(id: string): Promise<void> {
    const { catalogue, now, onRunning, report } = this.#options
    const path = this.#pathOf(id)
    let bytes: Buffer
    try {
      bytes = await readFile(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw storeFailure(error, 'read')
      // Somebody removed the file.
      catalogue.delete(id)
      return
    }
    const { segments } = this.#options
    const stored = await readStored(bytes, segments.reader())
    const { head, session, values, size } = stored
    checkFormat(path, head, 'unavailable')
    const notice = size < bytes.length ? cutEnd(path, bytes, size) : undefined
    if (notice !== undefined) report(notice)
    if (session === undefined) {
      // The first write of the session was interrupted.
      this.#delete(id)
      return
    }
    if (session.tree !== undefined) this.#correctSpending(session.tree)
    // A fork or a compaction may have been interrupted.
    segments.keepOnly(id, stored.uses)
    const file = new SessionFile({ path, size, syncs: this.#options.syncs })
    const content = { format: head?.format ?? format, session, values }
    const resident = new Resident({ id, file, segments, form: this.#options.form, stored: content })
    if (this.#doubtful.has(path)) {
      // A new file, because a failed sync of the old one cannot be repeated.
      if (!(await resident.compact(() => true))) {
        throw storeFailure(new Error(`${path} cannot be written again`))
      }
      this.#doubtful.delete(path)
    }
    this.#residents.set(id, resident)
    this.#bytes += resident.weight
    resident.dropLogs(now())
    this.#noteRow(resident, session)
    if (session.state === 'running') onRunning(session)
    this.arm()
    this.#makeRoom(resident)
  }

  /** The file of a task gets a commit first. Its process may have died before the file of the root had it too. */
  #correctSpending(tree: TaskTree): void {
    for (const { task } of tree.all()) {
      const { spent, unfinishedSpent } = this.#options.catalogue.get(task.id)?.record ?? {}
      tree.noteSpending(task.id, addSpending(spent ?? noSpending, unfinishedSpent ?? noSpending))
    }
  }

  // Writing

  /**
   * Writes large values of the next change ahead, in steps.
   * @throws LoomError `unavailable`
   */
  async stage(
    id: string,
    stage: (image: SessionImage, write: (buffers: readonly Buffer[]) => void) => Promise<void>,
  ): Promise<void> {
    const resident = this.#residentOf(id)
    const write = (buffers: readonly Buffer[]) => {
      // Meanwhile the session may have left the memory. Its next change then contains the value.
      if (this.#residents.get(id) === resident) this.#write(resident, buffers)
    }
    await stage(resident.image, write)
  }

  /** Writes an entry of the log of the turn. @throws LoomError `unavailable` */
  append(session: MemorySession, logId: string, buffers: readonly Buffer[]): void {
    const resident = this.#residentOf(session.id)
    this.#write(resident, buffers)
    resident.image.append(logId)
  }

  /**
   * Writes the changes of a call to a session.
   * @param isConfirmed false for a change that a power cut may lose
   * @throws LoomError `unavailable`; the session is then as before the call
   */
  save(id: string, isConfirmed: boolean): void {
    const resident = this.#residents.get(id)
    if (resident === undefined) return
    const { session } = resident
    // The call stored nothing, and needs no values that were written ahead.
    if (session === undefined) return this.#delete(id)
    const isChanged = this.#written(resident, () => resident.save(session, isConfirmed))
    if (!isChanged && !resident.isTouched) return
    this.#noteRow(resident, session)
    this.arm()
    this.#makeRoom(resident)
    this.#compactOutdated(resident)
  }

  /** Waits until the disk has every confirmed change of the session. @throws LoomError `unavailable` */
  async confirmed(id: string): Promise<void> {
    await this.#synced(id, (file) => file.confirmed())
  }

  /** Waits until the disk has everything of the session. @throws LoomError `unavailable` */
  async synced(id: string): Promise<void> {
    await this.#synced(id, (file) => file.sync())
  }

  /** Rewrites a file without the data that its session no longer contains. */
  async compact(id: string): Promise<void> {
    const resident = this.#residents.get(id)
    // A compaction that has begun stops when it finds that the session has changed.
    if (resident?.isCompacting === true) await Promise.allSettled(this.#compactions)
    if (resident !== undefined) await this.#compact(resident)
  }

  /** @throws the error of `refuse` */
  check(): void {
    if (this.#refusal !== undefined) throw this.#refusal
  }

  /** Refuses every later call. */
  refuse(error: LoomError): void {
    this.#refusal ??= error
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  /** Writes the remaining changes to the disk, and closes the files. */
  async finish(): Promise<void> {
    const { report } = this.#options
    await Promise.allSettled(this.#compactions)
    const all = [...this.#residents.values()]
    await Promise.all(all.map(({ file }) => file.sync().catch(report)))
    await Promise.all(all.map(({ file }) => file.close()))
    await this.#options.segments.close()
    this.#residents.clear()
  }

  // Rooms and times

  #residentOf(id: string): Resident {
    const before = this.#residents.get(id)
    if (before !== undefined) return before
    const { segments, syncs, form } = this.#options
    const file = new SessionFile({ path: this.#pathOf(id), size: 0, syncs })
    const resident = new Resident({ id, file, segments, form })
    this.#residents.set(id, resident)
    return resident
  }

  #write(resident: Resident, buffers: readonly Buffer[]): void {
    this.#written(resident, () => resident.write(buffers, false))
  }

  #written<VALUE>(resident: Resident, write: () => VALUE): VALUE {
    const before = resident.weight
    try {
      return write()
    } catch (error) {
      this.#evict(resident)
      return this.#fail(error)
    } finally {
      // After a failure, the length is the one before.
      this.#bytes += resident.weight - before
    }
  }

  async #synced(id: string, sync: (file: SessionFile) => Promise<void>): Promise<void> {
    const path = this.#pathOf(id)
    try {
      const file = this.#residents.get(id)?.file
      if (file !== undefined) await sync(file)
      // A failed sync took the session out of memory, with the change of this call.
      else if (this.#doubtful.has(path))
        throw storeFailure(new Error(`${path} is in doubt`), 'unknown')
    } catch (error) {
      this.#doubtful.add(path)
      // Meanwhile the session may have been read again, from the same file.
      const resident = this.#residents.get(id)
      resident?.file.fail(storeFailure(error, 'unknown'))
      if (resident !== undefined) this.#evict(resident)
      this.#fail(error)
    }
  }

  /** Notes a failure of the disk, and throws it. */
  readonly #fail = (error: unknown): never => {
    this.#options.onFailure()
    throw error
  }

  /** Takes a session out of memory. */
  #evict(resident: Resident): void {
    const { id, file } = resident
    if (this.#residents.get(id) !== resident) return
    this.#residents.delete(id)
    this.#bytes -= resident.weight
    file.close().catch(this.#options.report)
  }

  #noteRow(resident: Resident, session: MemorySession): void {
    const { catalogue, now } = this.#options
    const { id, file, isTouched } = resident
    resident.isTouched = false
    const before = catalogue.get(id)
    const row: Row = {
      id,
      size: file.size,
      usedAt: session.usedAt,
      record: recordOf(session),
      writtenAt: before === undefined || isTouched ? now() : before.writtenAt,
    }
    if (before === undefined || isTouched) return catalogue.put(row)
    if (before.size === row.size) return
    Object.assign(before, row)
    catalogue.changed(id)
  }

  /** Puts the session behind the others, and takes idle sessions out of memory if there are too many. */
  #makeRoom(used: Resident): void {
    this.#residents.delete(used.id)
    this.#residents.set(used.id, used)
    const { residentBytesMax } = this.#options
    for (const resident of this.#residents.values()) {
      if (this.#bytes <= residentBytesMax && this.#residents.size <= residentsMax) return
      const isNeeded = resident === used || this.#pins.has(resident.id)
      if (!isNeeded && resident.isIdle) this.#evict(resident)
    }
  }

  // A turn may take longer than a session lives after its last use, and a schedule may be due later.
  // A tree of tasks is over as a whole.
  isOver(row: Row): boolean {
    const { catalogue, now, sessionTtlMs } = this.#options
    if (isTaskId(row.id)) {
      const root = catalogue.get(rootOf(row.id))
      if (root === undefined || this.isOver(root)) return true
    }
    const isOld = row.writtenAt + sessionTtlMs <= now()
    return isOld && ![row, ...catalogue.tasksOf(row.id)].some(isBusy)
  }

  /** Begins the search for expired data. */
  arm(): void {
    if (this.#isClosed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#sweep()
    }, sweepEveryMs).unref()
  }

  #sweep(): void {
    const { catalogue, now, sessionTtlMs, report } = this.#options
    for (const resident of this.#residents.values()) {
      if (resident.hasRemains) this.#compact(resident).catch(report)
      else if (resident.dropLogs(now())) this.#compactOutdated(resident)
    }
    for (const row of catalogue.all()) {
      if (row.writtenAt + sessionTtlMs > now()) break
      if (!this.isOver(row)) continue
      for (const { id } of [...catalogue.tasksOf(row.id), row]) {
        this.#delete(id)
        removeCopy(this.#pathOf(id)).catch(report)
      }
    }
    if (catalogue.size > 0) this.arm()
  }

  /** Removes a session with its tasks. Returns the number of files. */
  async erase(rootId: string): Promise<number> {
    const { catalogue } = this.#options
    const ids = [...catalogue.tasksOf(rootId).map(({ id }) => id), rootId]
    // A read that has begun would bring the session back.
    await Promise.allSettled(ids.flatMap((id) => this.#loads.get(id) ?? []))
    const known = ids.filter((id) => catalogue.get(id) !== undefined)
    for (const id of known) this.#delete(id)
    await this.removeCopies(ids)
    return known.length
  }

  /** Removes the copies of damaged files. @throws LoomError `unavailable` */
  async removeCopies(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => removeCopy(this.#pathOf(id))))
  }

  /**
   * Returns the number of copies of damaged files that no session owns, because the damage is at the begin of the file.
   * Nobody can say whose messages such a copy has.
   */
  async strayCopies(): Promise<number> {
    const { catalogue, folder } = this.#options
    const copies = await copiesIn(folder)
    if (copies.length === 0) return 0
    const known = new Set([...catalogue.all()].map(({ id }) => digestOf(id)))
    return copies.filter((digest) => !known.has(digest)).length
  }

  forget(id: string): number {
    const isKnown = this.#options.catalogue.get(id) !== undefined
    this.#delete(id)
    return isKnown ? 1 : 0
  }

  /** At once, because a later call may begin the session anew. */
  #delete(id: string): void {
    const resident = this.#residents.get(id)
    if (resident !== undefined) this.#evict(resident)
    this.#options.catalogue.delete(id)
    try {
      rmSync(this.#pathOf(id), { force: true })
      this.#options.segments.keepOnly(id, new Map())
    } catch (error) {
      this.#options.report(storeFailure(error))
    }
  }

  #compactOutdated(resident: Resident): void {
    if (resident.isOutdated) this.#compact(resident).catch(this.#options.report)
  }

  #compact(resident: Resident): Promise<void> {
    const work = this.#rewrite(resident)
      .catch(this.#fail)
      .finally(() => this.#compactions.delete(work))
    this.#compactions.add(work)
    return work
  }

  async #rewrite(resident: Resident): Promise<void> {
    const before = resident.weight
    const isCurrent = () => this.#residents.get(resident.id) === resident
    if (!(await resident.compact(isCurrent))) return
    this.#bytes += resident.weight - before
    // Meanwhile the session may have been erased.
    if (resident.session !== undefined && isCurrent()) this.#noteRow(resident, resident.session)
  }

  #pathOf(id: string): string {
    return pathOf(this.#options.folder, id)
  }
}

const isBusy = ({ record }: Row) => record?.state === 'running' || record?.nextDueAt !== undefined
