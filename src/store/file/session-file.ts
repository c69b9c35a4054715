/**
 * The file of one session. A write is made at once, so that no other change comes between its parts, and it
 * is made whole or not at all. `sync` waits until the disk has all that was written before. One sync serves
 * all calls that wait.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fsync,
  ftruncateSync,
  open,
  openSync,
  renameSync,
  writevSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

import type { LoomError } from '../../ground/error.ts'
import { codeOf, storeFailure } from './failure.ts'
import type { SyncQueue } from './sync-queue.ts'

const [syncData, syncAll, openFile] = [promisify(fdatasync), promisify(fsync), promisify(open)]

export interface SessionFileOptions {
  path: string
  /** The length of the file; 0 if it does not exist yet. */
  size: number
  syncs: SyncQueue
}

export class SessionFile {
  readonly options: SessionFileOptions
  readonly path: string
  size: number
  readonly #syncs: SyncQueue
  #descriptor: number | undefined
  /** Whether the folder on the disk may lack the file. */
  #isNew: boolean
  /** The end of the last write that a caller confirms to a client. */
  #confirmedEnd = 0
  #syncedEnd: number
  #current: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** The failure after which the disk may lack writes that the file shows. */
  #failure: LoomError | undefined

  constructor(options: SessionFileOptions) {
    const { path, size, syncs } = options
    this.options = options
    this.path = path
    this.size = size
    this.#syncs = syncs
    this.#isNew = size === 0
    this.#syncedEnd = size
  }

  /**
   * Writes at the end of the file. After a failure, the file must be read again before the next write.
   * @param isConfirmed false for a write that a power cut may lose
   * @throws LoomError `unavailable`; the file then has the length that it had before
   */
  write(buffers: readonly Buffer[], { isConfirmed }: { isConfirmed: boolean }): void {
    if (this.#failure !== undefined) throw this.#failure
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    try {
      this.#descriptor ??= openSync(this.path, this.size === 0 ? anew : added, 0o600)
      writeAll(this.#descriptor, buffers)
    } catch (error) {
      this.#cut()
      throw storeFailure(error)
    }
    this.size += length
    if (isConfirmed) this.#confirmedEnd = this.size
  }

  /** Waits until the disk has every confirmed write. @throws LoomError `unavailable` */
  async confirmed(): Promise<void> {
    if (this.isUnconfirmed) await this.sync()
  }

  /** Waits until the disk has every write. @throws LoomError `unavailable` */
  sync(): Promise<void> {
    if (this.#syncedEnd >= this.size) return Promise.resolve()
    this.#next ??= this.#syncAfter(this.#current)
    return this.#next
  }

  async #syncAfter(current: Promise<void> | undefined): Promise<void> {
    await current?.catch(() => undefined)
    const run = this.#syncs.run(() => {
      // Later callers wait for another sync: this one may not contain their writes.
      this.#next = undefined
      return this.#sync()
    })
    this.#current = run
    try {
      await run
    } finally {
      if (this.#current === run) this.#current = undefined
    }
  }

  async #sync(): Promise<void> {
    const end = this.size
    const descriptor = this.#descriptor
    // The system reports a lost write to one sync only: the next one would succeed without it.
    if (this.#failure !== undefined) throw this.#failure
    if (descriptor === undefined || end <= this.#syncedEnd) return
    try {
      await syncData(descriptor)
      await this.#syncName()
    } catch (error) {
      throw this.fail(storeFailure(error, 'unknown'))
    }
    this.#syncedEnd = Math.max(this.#syncedEnd, end)
  }

  async #syncName(): Promise<void> {
    if (this.#isNew) await syncFolder(dirname(this.path))
    this.#isNew = false
  }

  /** Refuses every later write and sync. The file must be written anew. Returns the first failure. */
  fail(error: LoomError): LoomError {
    this.#failure ??= error
    return this.#failure
  }

  /**
   * Replaces the file by a draft, which the disk has already. `replaced` waits until it has the new name too.
   * @throws LoomError `unavailable`
   */
  replaceBy(draft: string, size: number): void {
    this.#close()
    try {
      renameSync(draft, this.path)
    } catch (error) {
      throw storeFailure(error)
    }
    this.size = size
    this.#isNew = true
    this.#syncedEnd = size
    this.#confirmedEnd = 0
  }

  /** Waits until the disk has the replacement. @throws LoomError `unavailable` */
  async replaced(): Promise<void> {
    try {
      await this.#syncName()
    } catch (error) {
      throw storeFailure(error, 'unknown')
    }
  }

  /** Waits for the syncs in progress. Their callers get their failures. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#current, this.#next])
  }

  /** Waits for the syncs in progress, and closes the file. */
  async close(): Promise<void> {
    await this.settled()
    this.#close()
  }

  /** Whether a sync waits or runs. */
  get isBusy(): boolean {
    return this.#next !== undefined || this.#current !== undefined
  }

  /** Whether the disk may lack a write that a caller confirms to a client. */
  get isUnconfirmed(): boolean {
    return this.#confirmedEnd > this.#syncedEnd
  }

  #close(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor !== undefined) closeSync(descriptor)
  }

  /** Removes the bytes of an incomplete write. If that fails too, the next reader of the file cuts them off. */
  #cut(): void {
    try {
      if (this.#descriptor !== undefined) ftruncateSync(this.#descriptor, this.size)
    } catch {
      // The records of the incomplete write are not whole.
    }
  }
}

const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants
const added = O_WRONLY | O_CREAT | O_APPEND
/** A file that no session has contains the rest of a failed write. */
const anew = added | O_TRUNC

/** A disk that is almost full takes the first part of a write only. */
function writeAll(descriptor: number, buffers: readonly Buffer[]): void {
  let rest = [...buffers]
  while (rest.length > 0) {
    let written = writevSync(descriptor, rest.slice(0, vectorMax))
    while (written >= (rest[0]?.length ?? Infinity)) {
      written -= rest[0]?.length ?? 0
      rest = rest.slice(1)
    }
    const [first, ...others] = rest
    if (first !== undefined) rest = [first.subarray(written), ...others]
  }
}

/** The number of buffers that every system takes in one call (IOV_MAX of POSIX is at least 16; Linux: 1024). */
const vectorMax = 512

/** After this, the disk has the names of the files in the folder. */
export async function syncFolder(path: string): Promise<void> {
  let descriptor: number | undefined
  try {
    descriptor = await openFile(path, 'r')
    await syncAll(descriptor)
  } catch (error) {
    // Windows cannot open a folder, and writes names by itself.
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES'].includes(codeOf(error))) throw error
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
