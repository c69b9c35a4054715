/**
 * Ends a command that fills the disk. The kernel bounds one file (`supervisor.ts`), not many; a look at
 * the free space twice a second bounds all of them, whatever else writes there meanwhile.
 */
import { statfs } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const lookMs = 500

/**
 * Settles once so many bytes less are free than at the start; rejects when the signal aborts. A disk
 * that does not say how much is free is not watched.
 */
export async function filledDisk(
  folder: string,
  bytesMax: number,
  signal: AbortSignal,
): Promise<void> {
  const before = await freeBytes(folder)
  for (;;) {
    await delay(lookMs, undefined, { signal })
    const now = await freeBytes(folder)
    if (before !== undefined && now !== undefined && before - now > bytesMax) return
  }
}

async function freeBytes(folder: string): Promise<number | undefined> {
  const stats = await statfs(folder).catch(() => undefined)
  return stats && stats.bavail * stats.bsize
}
