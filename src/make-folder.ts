/**
 * Makes a folder and those above it, for its owner's eyes only. Node's own `recursive` never ends where a
 * file system says that a parent is missing which is there (`/proc`).
 */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** @throws the error of the file system for the folder that cannot be made */
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
