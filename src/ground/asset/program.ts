/**
 * Unpacks a program from inside an artefact, so that it can be started. The name of the file is
 * made from its content, so a newer Loom never runs the program that an older one unpacked.
 */
import { createHash, randomUUID } from 'node:crypto'
import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { processEnvironment } from '../environment.ts'
import { LoomError } from '../error.ts'
import { makeFolder } from '../make-folder.ts'
import { cacheFolders } from './cache-folder.ts'
import { embedded } from './embedded.ts'

const files = new Map<string, Promise<string>>()

/**
 * Returns the file of the program, or undefined if the artefact contains none.
 * @throws LoomError `unavailable` if no folder accepts the file
 */
export async function embeddedProgram(path: string): Promise<string | undefined> {
  if (embedded === undefined) return undefined
  const earlier = files.get(path)
  if (earlier !== undefined) return earlier
  const bytes = embedded.read(path)
  if (bytes === undefined) return undefined
  const promise = unpack(basename(path), bytes)
  files.set(path, promise)
  // A folder that is full or read-only now may accept the file later.
  promise.catch(() => files.delete(path))
  return promise
}

async function unpack(name: string, bytes: Uint8Array): Promise<string> {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
  const causes: unknown[] = []
  for (const folder of cacheFolders(processEnvironment())) {
    const file = join(folder, `${name}-${digest}`)
    try {
      await makeFolder(folder)
      if (!(await isOurs(folder))) throw new Error(`${folder} belongs to another user`)
      if (!(await isComplete(file, bytes.length))) await write(file, bytes)
      return file
    } catch (error) {
      causes.push(error)
    }
  }
  throw new LoomError('unavailable', `There is no folder that ${name} could be unpacked to.`, {
    cause: new AggregateError(causes),
  })
}

/** Writes all or nothing, because another process may do the same at this time. */
async function write(file: string, bytes: Uint8Array): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, bytes, { mode: 0o700 })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw error
  }
}

async function isComplete(file: string, size: number): Promise<boolean> {
  const stats = await stat(file).catch(() => undefined)
  return stats?.isFile() === true && stats.size === size && (stats.mode & 0o100) !== 0
}

/** A folder that others can write to would let them choose the program that runs. */
async function isOurs(folder: string): Promise<boolean> {
  const uid = process.getuid?.()
  const { uid: owner, mode } = await stat(folder)
  return uid === undefined || (owner === uid && (mode & 0o022) === 0)
}
