/**
 * Unfinished files of processes that died during a write. No process has a list of them, so the next writer
 * in the directory removes those that are too old to belong to a running write.
 */
import type { Directory } from './directory.ts'
import { temporaryPrefix } from './replace.ts'

/** Longer than any write. If a process was frozen for longer, its write fails. */
const workMs = 10 * 60_000
const directoriesMax = 1000

/** Removes old unfinished files. It never rejects: a file that cannot be removed does no harm. */
export async function removeLeftovers(directory: Directory): Promise<void> {
  const names = await directory.names().catch(() => [])
  for (const name of names.filter((name) => name.startsWith(temporaryPrefix))) {
    const stats = await directory.entry(name).catch(() => undefined)
    if (stats?.isFile() !== true || Date.now() - Number(stats.mtimeMs) < workMs) continue
    await directory.remove(name).catch(() => undefined)
  }
}

/** Checks each directory only once in ten minutes, since it may be large. */
export class Leftovers {
  readonly #checkTimes = new Map<string, number>()

  async remove(directory: Directory, path: string): Promise<void> {
    const now = performance.now()
    const before = this.#checkTimes.get(path)
    if (before !== undefined && now - before < workMs) return
    if (this.#checkTimes.size >= directoriesMax) this.#checkTimes.clear()
    this.#checkTimes.set(path, now)
    await removeLeftovers(directory)
  }
}
