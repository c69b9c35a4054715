/**
 * Unfinished files of processes that were killed at a write. Nobody else knows of them, so the next
 * who writes in the directory removes those that are too old to be anybody's work.
 */
import type { Directory } from './directory.ts'
import { temporaryPrefix } from './replace.ts'

/** No write takes so long; a process that was frozen for longer finds that its write has failed. */
const workMs = 10 * 60_000
const directoriesMax = 1000

/** Never fails: what cannot be removed is in nobody's way. */
export async function removeLeftovers(directory: Directory): Promise<void> {
  const names = await directory.names().catch(() => [])
  for (const name of names.filter((name) => name.startsWith(temporaryPrefix))) {
    const stats = await directory.entry(name).catch(() => undefined)
    if (stats?.isFile() !== true || Date.now() - Number(stats.mtimeMs) < workMs) continue
    await directory.remove(name).catch(() => undefined)
  }
}

/** Looks at each directory only now and then: it may be large. */
export class Leftovers {
  readonly #lookedAt = new Map<string, number>()

  async remove(directory: Directory, path: string): Promise<void> {
    const now = performance.now()
    const before = this.#lookedAt.get(path)
    if (before !== undefined && now - before < workMs) return
    if (this.#lookedAt.size >= directoriesMax) this.#lookedAt.clear()
    this.#lookedAt.set(path, now)
    await removeLeftovers(directory)
  }
}
