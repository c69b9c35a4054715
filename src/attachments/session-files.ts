/**
 * The files of the messages of sessions, apart from the histories. Each session has copies of its own, by the hash of
 * their content. So a deletion removes the folder of the session, and no other session loses a file.
 */
import { createHash } from 'node:crypto'

import { WorkSteps } from '../ground/long-work.ts'
import { namesOf } from '../session/tenant-ids.ts'
import type { StoredFile } from '../store/stored-file.ts'
import type { ObjectStore } from './object-store.ts'

/** The memory for files that were read lately, in bytes. */
const cachedBytesMax = 32 * 1024 * 1024

/** The file with the id of the session, for the sweep. */
const idName = 'id'

const hashSlice = 1024 * 1024

export class SessionFiles {
  readonly #objects: ObjectStore
  /** In the order of their last use: the first entry is the one to drop. */
  readonly #cache = new Map<string, StoredFile>()
  #cachedBytes = 0

  constructor(objects: ObjectStore) {
    this.#objects = objects
  }

  /** Stores a file for a session, and returns the hash of its bytes. */
  async put(sessionId: string, file: StoredFile): Promise<string> {
    const hash = await hashOf(file.bytes)
    const folder = folderOf(sessionId)
    const { bytes, ...head } = file
    // First, so that the sweep finds the folder after a crash. It also renews the age of the folder.
    await this.#objects.put(`${folder}${idName}`, Buffer.from(sessionId))
    const line = Buffer.from(`${JSON.stringify(head)}\n`)
    await this.#objects.put(`${folder}${hash}`, Buffer.concat([line, bytes]))
    this.#forget(`${folder}${hash}`)
    return hash
  }

  /** Returns undefined if the session has no such file. */
  async get(sessionId: string, hash: string): Promise<StoredFile | undefined> {
    const key = `${folderOf(sessionId)}${hash}`
    const cached = this.#cache.get(key)
    if (cached !== undefined) {
      this.#cache.delete(key)
      this.#cache.set(key, cached)
      return cached
    }
    const stored = await this.#objects.get(key)
    if (stored === undefined) return undefined
    const end = stored.indexOf('\n')
    // Written by `put`.
    const head: Omit<StoredFile, 'bytes'> = JSON.parse(stored.subarray(0, end).toString())
    const file = { ...head, bytes: stored.subarray(end + 1) }
    this.#keep(key, file)
    return file
  }

  /** Gives another session copies of files. */
  async copy(from: string, to: string, hashes: readonly string[]): Promise<void> {
    if (hashes.length === 0) return
    await this.#objects.put(`${folderOf(to)}${idName}`, Buffer.from(to))
    for (const hash of hashes) {
      // If the origin lacks a file, the copy lacks it too.
      await this.#objects.copy(`${folderOf(from)}${hash}`, `${folderOf(to)}${hash}`)
    }
  }

  /** Returns the hashes of the files of a session, in the order of their names. */
  async hashes(sessionId: string): Promise<string[]> {
    const folder = folderOf(sessionId)
    const found: string[] = []
    for await (const { key } of this.#objects.list(folder)) found.push(key.slice(folder.length))
    return found.filter((name) => name !== idName).toSorted()
  }

  /** Returns the size of the files of a session, in bytes. */
  async size(sessionId: string): Promise<number> {
    let bytes = 0
    for await (const { key, size } of this.#objects.list(folderOf(sessionId))) {
      if (!key.endsWith(`/${idName}`)) bytes += size
    }
    return bytes
  }

  /** Removes the files of a session. Returns their number. */
  remove(sessionId: string): Promise<number> {
    return this.#removeFolder(folderOf(sessionId))
  }

  /** Removes the files of all sessions of a tenant. */
  removeTenant(tenant: string): Promise<number> {
    return this.#removeFolder(`${nameOf(tenant)}/`)
  }

  /**
   * Removes the files of sessions that are gone without a deletion, because they expired or the process died.
   * @param isThere whether the store has the session
   * @param before only sessions whose last file is older than this time, in milliseconds since 1970
   * @returns the number of sessions
   */
  async sweep(isThere: (sessionId: string) => Promise<boolean>, before: number): Promise<number> {
    let swept = 0
    const marks: string[] = []
    for await (const { key, changedAt } of this.#objects.list('')) {
      if (key.endsWith(`/${idName}`) && changedAt < before) marks.push(key)
    }
    for (const mark of marks) {
      const sessionId = (await this.#objects.get(mark))?.toString()
      if (sessionId === undefined || (await isThere(sessionId))) continue
      await this.remove(sessionId)
      swept += 1
    }
    return swept
  }

  async #removeFolder(folder: string): Promise<number> {
    const [keys, marks]: [string[], string[]] = [[], []]
    for await (const { key } of this.#objects.list(folder)) {
      const isMark = key.endsWith(`/${idName}`)
      ;(isMark ? marks : keys).push(key)
    }
    await this.#objects.remove(keys)
    // Last, so that the sweep finds the rest after a crash.
    await this.#objects.remove(marks)
    for (const key of this.#cache.keys()) if (key.startsWith(folder)) this.#forget(key)
    return keys.length
  }

  #keep(key: string, file: StoredFile): void {
    if (file.bytes.length > cachedBytesMax / 4) return
    this.#cache.set(key, file)
    this.#cachedBytes += file.bytes.length
    for (const oldest of this.#cache.keys()) {
      if (this.#cachedBytes <= cachedBytesMax) return
      this.#forget(oldest)
    }
  }

  #forget(key: string): void {
    this.#cachedBytes -= this.#cache.get(key)?.bytes.length ?? 0
    this.#cache.delete(key)
  }
}

/** Ids are any texts, so the names in the store of files are their hashes. */
const nameOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 40)

const folderOf = (sessionId: string) => `${nameOf(namesOf(sessionId).tenant)}/${nameOf(sessionId)}/`

async function hashOf(bytes: Buffer): Promise<string> {
  const steps = new WorkSteps()
  const hash = createHash('sha256')
  for (let at = 0; at < bytes.length; at += hashSlice) {
    const slice = bytes.subarray(at, at + hashSlice)
    await steps.next(slice.length)
    hash.update(slice)
  }
  return hash.digest('hex')
}
