/**
 * Files in a folder, which may be a volume of several instances. A file is written under another name and then gets
 * its own, so a reader never sees a part of it.
 */
import { randomUUID } from 'node:crypto'
import {
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { errorMessage, LoomError } from '../ground/error.ts'
import { fieldOf } from '../ground/fields.ts'
import { forEachOf, type ObjectStore, type StoredObject } from './object-store.ts'

const draft = '.draft'

/** @throws LoomError `invalid-config` if the folder cannot be written */
export async function openFolderObjects(folder: string): Promise<ObjectStore> {
  const probe = join(folder, `${randomUUID()}${draft}`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeWhole(probe, Buffer.from(''))
    await rm(probe)
  } catch (cause) {
    throw new LoomError(
      'invalid-config',
      `LOOM_FILES=${folder} cannot be written: ${errorMessage(cause)}. Choose a folder that this process may write.`,
      { cause },
    )
  }
  const pathOf = (key: string) => join(folder, key)

  const into = async (key: string, fill: (path: string) => Promise<void>) => {
    const path = pathOf(key)
    const part = `${path}.${randomUUID()}${draft}`
    // A removal of the last file of a folder removes the folder.
    for (let attempt = 1; ; attempt++) {
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        await fill(part)
        return await rename(part, path)
      } catch (error) {
        await rm(part, { force: true }).catch(() => {})
        if (codeOf(error) !== 'ENOENT' || attempt === attemptsMax) throw error
      }
    }
  }

  async function* filesIn(path: string, key: string): AsyncGenerator<StoredObject> {
    const entries = await readdir(path, { withFileTypes: true }).catch(ignoreMissing([]))
    for (const entry of entries) {
      const [inner, name] = [join(path, entry.name), `${key}${entry.name}`]
      if (entry.isDirectory()) yield* filesIn(inner, `${name}/`)
      else if (!entry.name.endsWith(draft)) {
        const found = await stat(inner).catch(ignoreMissing(undefined))
        if (found !== undefined) yield { key: name, changedAt: found.mtimeMs, size: found.size }
      }
    }
  }

  return {
    put: (key, bytes) => failing(() => into(key, (path) => writeWhole(path, bytes))),
    get: (key) => failing(() => readFile(pathOf(key)).catch(ignoreMissing(undefined))),
    copy: (from, to) =>
      failing(async () => {
        const origin = pathOf(from)
        if ((await stat(origin).catch(ignoreMissing(undefined))) === undefined) return false
        // A link has no bytes of its own. Not every file system has links.
        await into(to, (path) => link(origin, path).catch(() => copyFile(origin, path)))
        return true
      }),
    async *list(within) {
      yield* filesIn(pathOf(within), within)
    },
    remove: (keys) =>
      failing(() =>
        forEachOf(keys, async (key) => {
          await rm(pathOf(key), { force: true })
          // The folder is not empty while it has other files.
          await rmdir(dirname(pathOf(key))).catch(() => {})
        }),
      ),
  }
}

const attemptsMax = 3

async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

const codeOf = (error: unknown): string => {
  const code = fieldOf(error, 'code')
  return typeof code === 'string' ? code : 'unknown'
}

const ignoreMissing =
  <VALUE>(value: VALUE) =>
  (error: unknown): VALUE => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return value
    throw error
  }

async function failing<VALUE>(run: () => Promise<VALUE>): Promise<VALUE> {
  try {
    return await run()
  } catch (cause) {
    throw new LoomError(
      'unavailable',
      `The folder of the files of messages fails (${codeOf(cause)}). Send the request again later.`,
      { cause, retryable: true },
    )
  }
}
