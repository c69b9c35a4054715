/**
 * The last fetched list, in the user's cache folder. Its modification time is the time of the last
 * successful check. If the folder is not writable (a read-only container) there is no cache and no
 * error: the list that is part of Loom is used.
 */
import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { makeFolder } from '../../ground/make-folder.ts'
import { type Catalog, packCatalog, unpackCatalog } from './catalog.ts'

const bytesMax = 8 * 1024 * 1024

export interface Cached {
  catalog: Catalog
  /** Milliseconds since 1970. */
  checkedAt: number
}

/** Returns undefined if there is no readable file. */
export async function readCacheFile(path: string): Promise<Cached | undefined> {
  try {
    const { size, mtimeMs } = await stat(path)
    if (size > bytesMax) return undefined
    return { catalog: await unpackCatalog(await readFile(path)), checkedAt: mtimeMs }
  } catch {
    return undefined
  }
}

/** Writes by a rename, because other processes read and write the file too. Returns false on failure. */
export async function writeCacheFile(path: string, text: Buffer): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`
  try {
    await makeFolder(dirname(path))
    await writeFile(draft, await packCatalog(text, 5), { mode: 0o600 })
    await rename(draft, path)
    return true
  } catch {
    await rm(draft, { force: true }).catch(() => undefined)
    return false
  }
}

/** Records that the list was checked again and is current. */
export async function touchCacheFile(path: string, now: number): Promise<void> {
  await utimes(path, now / 1000, now / 1000).catch(() => undefined)
}
