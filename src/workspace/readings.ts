/**
 * What each reader last saw of each file, so that nobody writes over what they have not seen. A file
 * that was never read may be changed: only a reading that is out of date is a danger. Kept in memory
 * and bounded; what is forgotten counts as never read.
 */
import type { BigIntStats } from 'node:fs'

/** A file as it was at one moment. */
export interface Version {
  size: bigint
  modifiedNs: bigint
  /** SHA-256 of the content; undefined where not all of it was read. */
  hash: string | undefined
}

const readingsMax = 10_000

export class Readings {
  readonly #versions = new Map<string, Version>()

  note(reader: string, path: string, version: Version): void {
    const key = `${reader}\0${path}`
    this.#versions.delete(key)
    this.#versions.set(key, version)
    if (this.#versions.size <= readingsMax) return
    const [oldest] = this.#versions.keys()
    if (oldest !== undefined) this.#versions.delete(oldest)
  }

  /** Whether the reader knows the file as something else than it is. */
  isStale(reader: string, path: string, now: Version): boolean {
    const seen = this.#versions.get(`${reader}\0${path}`)
    if (seen === undefined) return false
    // Two changes within the clock's tick leave the same time, and a `touch` leaves the same content.
    if (seen.hash !== undefined && now.hash !== undefined) return seen.hash !== now.hash
    return seen.size !== now.size || seen.modifiedNs !== now.modifiedNs
  }
}

export function versionOf(stats: BigIntStats, hash?: string): Version {
  return { size: stats.size, modifiedNs: stats.mtimeNs, hash }
}
