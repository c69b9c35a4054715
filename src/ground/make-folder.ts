/**
 * Creates a folder and its missing parents, with access only for their owner. The `recursive`
 * option of Node never returns if a file system reports an existing parent as missing (`/proc`).
 */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** @throws the file system's error for the folder that cannot be created */
export async function makeFolder(path: string): Promise<void> {
  try {
    await make(path)
  } catch (error) {
    const parent = dirname(path)
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!isMissing || parent === path) throw error
    await makeFolder(parent)
    await make(path)
  }
}

async function make(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const stats = await stat(path).catch(() => undefined)
    if (stats?.isDirectory() !== true) throw error
  }
}
