/**
 * The last list that was fetched, in the user's cache folder. Its modification time says when it was
 * last known to be right. Where the folder cannot be written (a read-only container) there is no
 * cache, and nobody is told: the list that came with Loom does.
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

/** Undefined where there is none, or none that can be read. */
export async function readCacheFile(path: string): Promise<Cached | undefined> {
  try {
    const { size, mtimeMs } = await stat(path)
    if (size > bytesMax) return undefined
    return { catalog: await unpackCatalog(await readFile(path)), checkedAt: mtimeMs }
  } catch {
    return undefined
  }
}

/** All or nothing: other processes read it meanwhile, and write it too. False where it cannot be. */
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

/** It was asked about again, and is still right. */
export async function touchCacheFile(path: string, now: number): Promise<void> {
  await utimes(path, now / 1000, now / 1000).catch(() => undefined)
}
