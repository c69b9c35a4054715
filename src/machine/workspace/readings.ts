/**
 * The version of each file that each reader last read, so that no reader overwrites a version that it has
 * not read. A reader may change a file that it never read: only an outdated reading is a danger. The
 * versions are in memory and bounded; a discarded one counts as never read.
 */
import type { BigIntStats } from 'node:fs'

/** A file as it was at one moment. */
export interface Version {
  size: bigint
  modifiedNs: bigint
  /** The SHA-256 hash of the content; undefined if only a part was read. */
  hash: string | undefined
}

const readingsMax = 10_000

export class Readings {
  readonly #versions = new Map<string, Version>()

  /** Records the version that a reader read or wrote. */
  note(reader: string, path: string, version: Version): void {
    const key = `${reader}\0${path}`
    this.#versions.delete(key)
    this.#versions.set(key, version)
    if (this.#versions.size <= readingsMax) return
    const [oldest] = this.#versions.keys()
    if (oldest !== undefined) this.#versions.delete(oldest)
  }

  /** Returns whether the reader last read another version than the current one. */
  isStale(reader: string, path: string, now: Version): boolean {
    const last = this.#versions.get(`${reader}\0${path}`)
    if (last === undefined) return false
    // Two changes within one clock tick have the same time, and a `touch` keeps the content.
    if (last.hash !== undefined && now.hash !== undefined) return last.hash !== now.hash
    return last.size !== now.size || last.modifiedNs !== now.modifiedNs
  }
}

export function versionOf(stats: BigIntStats, hash?: string): Version {
  return { size: stats.size, modifiedNs: stats.mtimeNs, hash }
}
