/**
 * Detects a command that fills the disk. The kernel bounds each file (`supervisor.ts`) but not their sum, so
 * this module checks the free space twice a second. Writes of other programs count too.
 */
import { statfs } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const intervalMs = 500

/**
 * Resolves when the free space has decreased by more than `bytesMax` bytes. Rejects when the signal aborts.
 * It never resolves if the file system does not report its free space.
 */
export async function diskFull(
  folder: string,
  bytesMax: number,
  signal: AbortSignal,
): Promise<void> {
  const before = await freeBytes(folder)
  for (;;) {
    await delay(intervalMs, undefined, { signal })
    const now = await freeBytes(folder)
    if (before !== undefined && now !== undefined && before - now > bytesMax) return
  }
}

async function freeBytes(folder: string): Promise<number | undefined> {
  const stats = await statfs(folder).catch(() => undefined)
  return stats && stats.bavail * stats.bsize
}
