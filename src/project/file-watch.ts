/**
 * Waits for changes of files and folders. The events of the operating system are only a hint: they are
 * missing on some file systems, and an editor may replace a file by another one. A look at the files
 * decides, after each event and once a second.
 */
import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export interface WatchOptions {
  /** Returns the absolute paths of the files, also of those that may appear. */
  files: () => readonly string[]
  /** Returns the absolute paths of the folders whose lists of names count. */
  folders: () => Promise<readonly string[]>
}

/** The time between two looks without an event, in milliseconds. */
const pollMs = 1000
/** A change is complete when nothing has changed for this time, in milliseconds. */
const quietMs = 50
/** The longest wait for the end of a change, in milliseconds. */
const settleMs = 2000
/** The clock of a file system may be late by this time, in milliseconds. */
const clockMs = 20

interface Look {
  /** The time and size of a file, or the names of a folder. */
  state: string
  /** In milliseconds. 0 for a folder and a missing file. */
  changedAt: number
}

export class FileWatch {
  readonly #options: WatchOptions
  readonly #watchers = new Map<string, FSWatcher>()
  #seen = new Map<string, Look>()
  /** The files are known as they were at this time. */
  #knownAt = Date.now()
  #isClosed = false
  #hint = Promise.withResolvers<void>()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /**
   * Waits for a change since the last call, or since the construction. Returns the changed files and
   * folders, or undefined after `close`.
   */
  async next(): Promise<ReadonlySet<string> | undefined> {
    while (!this.#isClosed) {
      this.#hint = Promise.withResolvers()
      const changed = await this.#look()
      if (changed.size > 0) return changed
      const timer = setTimeout(this.#hint.resolve, pollMs)
      await this.#hint.promise
      clearTimeout(timer)
    }
    return undefined
  }

  close(): void {
    this.#isClosed = true
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    this.#hint.resolve()
  }

  async #look(): Promise<Set<string>> {
    let now = await this.#state()
    let changed = this.#differences(now)
    const giveUpAt = Date.now() + settleMs
    while (changed.size > 0 && Date.now() < giveUpAt) {
      await delay(quietMs)
      const later = await this.#state()
      const isQuiet = [...later].every(([path, { state }]) => now.get(path)?.state === state)
      now = later
      changed = this.#differences(now)
      if (isQuiet) break
    }
    this.#seen = now
    if (changed.size > 0) this.#knownAt = Date.now()
    return changed
  }

  /** A file that was not watched before has changed if it is newer than the last change. */
  #differences(now: ReadonlyMap<string, Look>): Set<string> {
    const changed = new Set<string>()
    for (const [path, { state, changedAt }] of now) {
      const before = this.#seen.get(path)
      const isNewer = changedAt > this.#knownAt - clockMs
      if (before === undefined ? isNewer : before.state !== state) changed.add(path)
    }
    return changed
  }

  async #state(): Promise<Map<string, Look>> {
    const files = this.#options.files()
    const folders = await this.#options.folders()
    this.#watch([...folders, ...files.map((file) => dirname(file))])
    const looks = await Promise.all([
      ...files.map(async (path) => [path, await lookAtFile(path)] as const),
      ...folders.map(async (path) => [path, await lookAtFolder(path)] as const),
    ])
    for (const [path, { state }] of looks) if (state === missing.state) this.#forget(path)
    return new Map(looks)
  }

  #watch(folders: readonly string[]): void {
    if (this.#isClosed) return
    for (const folder of new Set(folders)) {
      if (this.#watchers.has(folder)) continue
      try {
        const watcher = watch(folder, () => this.#hint.resolve())
        watcher.on('error', () => this.#forget(folder))
        this.#watchers.set(folder, watcher)
      } catch {
        // The folder is missing, or the system has no watch left. The looks find a change later.
      }
    }
  }

  /** The watch of a folder that was removed gets no events of a new folder at this path. */
  #forget(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
  }
}

const missing: Look = { state: 'missing', changedAt: 0 }

async function lookAtFile(path: string): Promise<Look> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined)
  if (stats === undefined) return missing
  const { mtimeNs, mtimeMs, ctimeMs, size, ino } = stats
  // A copy may keep the time of its source. The time of its own inode is newer then.
  const changedAt = Math.max(Number(mtimeMs), Number(ctimeMs))
  return { state: `${mtimeNs} ${size} ${ino}`, changedAt }
}

async function lookAtFolder(path: string): Promise<Look> {
  const names = await readdir(path).catch(() => undefined)
  return names === undefined ? missing : { state: names.sort().join('/'), changedAt: 0 }
}
