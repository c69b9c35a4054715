/**
 * Where the logs of one tool are: a folder that only this user may enter, made when it is needed. The
 * latest logs are kept, also when the process ends; older ones make room.
 */
import { mkdtemp, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const keptMax = 10

export class LogFolder {
  readonly #parent: string
  #made: Promise<string> | undefined
  #kept: string[] = []

  constructor(parent: string = tmpdir()) {
    this.#parent = parent
  }

  path(): Promise<string> {
    this.#made ??= mkdtemp(join(this.#parent, 'loom-bash-')).catch((error: unknown) => {
      // A full disk may have room later.
      this.#made = undefined
      throw error
    })
    return this.#made
  }

  /** Counts a log that is there, and removes the oldest where they are too many. */
  async keep(log: string): Promise<void> {
    this.#kept.push(log)
    const old = this.#kept.splice(0, Math.max(0, this.#kept.length - keptMax))
    await Promise.all(old.map((path) => unlink(path).catch(() => undefined)))
  }
}
