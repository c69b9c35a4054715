/**
 * Replaces a file in one step: a reader sees the old content or the new one, and the old one stays if the
 * disk is full or the process dies. The new file is another inode, so hard links to the old one keep the
 * old content. A file that is itself a mount (`docker run -v file:file`) cannot be replaced: Loom writes
 * it in place, in as many steps as the system takes.
 */
import { randomUUID } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

import { type Directory, errorCode } from './directory.ts'

const { O_CREAT, O_EXCL, O_WRONLY } = constants

/** The prefix of unfinished files. Listings omit these files. */
export const temporaryPrefix = '.loom-write-'

export interface Replacement {
  directory: Directory
  name: string
  content: Uint8Array
  /** The status of the old file. The new file keeps its mode and owner. */
  old: BigIntStats | undefined
  /** Runs a last check before the rename. Throws to keep the old file. */
  beforeRename?: () => Promise<void>
}

/** Replaces or creates a file. Returns the status of the new file. */
export async function replaceFile(replacement: Replacement): Promise<BigIntStats> {
  try {
    return await putInPlace(replacement)
  } catch (error) {
    if (replacement.old === undefined || !isOfMount(error)) throw error
    return overwrite(replacement)
  }
}

async function putInPlace(replacement: Replacement): Promise<BigIntStats> {
  const { directory, name, content, old, beforeRename } = replacement
  const temporary = temporaryPrefix + randomUUID()
  const mode = old === undefined ? 0o666 : 0o600
  const handle = await directory.openEntry(temporary, O_WRONLY | O_CREAT | O_EXCL, mode)
  try {
    const stats = await fill(handle, content, (file) => prepare(file, replacement))
    await beforeRename?.()
    await directory.rename(temporary, name)
    await directory.sync()
    return stats
  } catch (error) {
    await directory.remove(temporary).catch(() => undefined)
    throw error
  }
}

/** A rename over a mount fails (EBUSY, EXDEV), and the folder of the mount may be read-only (EROFS). */
const isOfMount = (error: unknown) => ['EBUSY', 'EXDEV', 'EROFS'].includes(errorCode(error) ?? '')

/** Writes the content and then cuts the file to its length, so that a reader never sees an empty file. */
async function overwrite(replacement: Replacement): Promise<BigIntStats> {
  const { directory, name, content, beforeRename } = replacement
  await beforeRename?.()
  const handle = await directory.openEntry(name, O_WRONLY)
  return fill(handle, content, () => handle.truncate(content.length))
}

async function prepare(handle: FileHandle, { directory, old }: Replacement): Promise<void> {
  if (old !== undefined) return copyAttributes(handle, old)
  const owner = await directory.newFileOwner()
  if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
}

async function fill(
  handle: FileHandle,
  content: Uint8Array,
  finish: (handle: FileHandle) => Promise<void>,
): Promise<BigIntStats> {
  try {
    await handle.writeFile(content)
    await finish(handle)
    await handle.sync()
    return await handle.stat({ bigint: true })
  } finally {
    await handle.close()
  }
}

/** Sets the owner before the mode, since a change of owner clears mode bits. */
async function copyAttributes(handle: FileHandle, old: BigIntStats): Promise<void> {
  const own = await handle.stat({ bigint: true })
  if (own.uid !== old.uid || own.gid !== old.gid) {
    await handle.chown(Number(old.uid), Number(old.gid)).catch(ignoreNoPermission)
  }
  await handle.chmod(Number(old.mode & 0o777n))
}

/** Only root may give a file to another user. Without root the file becomes Loom's, as with any editor. */
function ignoreNoPermission(error: unknown): void {
  if (errorCode(error) !== 'EPERM') throw error
}
