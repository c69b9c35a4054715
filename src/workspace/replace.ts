/**
 * Puts a file in the place of another in one step: whoever looks sees the old content or the new one,
 * and a full disk or a killed process leaves the old one. The new file is another inode: hard links
 * to the old one keep the old content.
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
  const { directory, name, content, old, beforeRename } = replacement
  const temporary = temporaryPrefix + randomUUID()
  const mode = old === undefined ? 0o666 : 0o600
  const handle = await directory.openEntry(temporary, O_WRONLY | O_CREAT | O_EXCL, mode)
  try {
    const stats = await fill(handle, content, old)
    await beforeRename?.()
    await directory.rename(temporary, name)
    await directory.sync()
    return stats
  } catch (error) {
    await directory.remove(temporary).catch(() => undefined)
    throw error
  }
}

async function fill(
  handle: FileHandle,
  content: Uint8Array,
  old: BigIntStats | undefined,
): Promise<BigIntStats> {
  try {
    await handle.writeFile(content)
    if (old !== undefined) await resemble(handle, old)
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
