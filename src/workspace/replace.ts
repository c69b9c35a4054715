/**
 * Puts a file in the place of another in one step: a reader sees the old content or the new one, and a
 * full disk or a killed process leaves the old one. The new file is another inode: hard links to the
 * old one keep the old content. A file that is a mount of its own (`docker run -v file:file`) cannot be
 * replaced: it is written in place, in as many steps as the system takes.
 */
import { randomUUID } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

import { type Directory, errorCode } from './directory.ts'

const { O_CREAT, O_EXCL, O_WRONLY } = constants

/** Unfinished files have this in front; listings leave them out. */
export const temporaryPrefix = '.loom-write-'

export interface Replacement {
  directory: Directory
  name: string
  content: Uint8Array
  /** The file that is replaced: its mode and owner are kept. */
  old: BigIntStats | undefined
  /** The last look before the new file takes its place; throws to leave all as it is. */
  beforeRename?: () => Promise<void>
}

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
    const stats = await fill(handle, content, (made) => prepare(made, replacement))
    await beforeRename?.()
    await directory.rename(temporary, name)
    await directory.sync()
    return stats
  } catch (error) {
    await directory.remove(temporary).catch(() => undefined)
    throw error
  }
}

/** A mount cannot be renamed over (EBUSY, EXDEV), and its folder may be read-only all around it. */
const isOfMount = (error: unknown) => ['EBUSY', 'EXDEV', 'EROFS'].includes(errorCode(error) ?? '')

/** Longer content first, then the cut: a reader never sees an empty file. */
async function overwrite(replacement: Replacement): Promise<BigIntStats> {
  const { directory, name, content, beforeRename } = replacement
  await beforeRename?.()
  const handle = await directory.openEntry(name, O_WRONLY)
  return fill(handle, content, () => handle.truncate(content.length))
}

async function prepare(handle: FileHandle, { directory, old }: Replacement): Promise<void> {
  if (old !== undefined) return resemble(handle, old)
  const heir = await directory.heir()
  if (heir !== undefined) await handle.chown(heir.uid, heir.gid)
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

/** Owner first: a change of owner takes mode bits away. */
async function resemble(handle: FileHandle, old: BigIntStats): Promise<void> {
  const own = await handle.stat({ bigint: true })
  if (own.uid !== old.uid || own.gid !== old.gid) {
    await handle.chown(Number(old.uid), Number(old.gid)).catch(leaveToUs)
  }
  await handle.chmod(Number(old.mode & 0o777n))
}

/** Only the system's administrator gives files away; to others it becomes ours, as with any editor. */
function leaveToUs(error: unknown): void {
  if (errorCode(error) !== 'EPERM') throw error
}
