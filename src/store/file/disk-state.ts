/**
 * Whether the files of a folder can be written. After a failure, and while the disk has hardly any room, a
 * small file is written to find out. A server shows the result on `/readyz` through its heartbeats.
 */
import { rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'

import { storeFailure } from './failure.ts'
import { SessionFile } from './session-file.ts'
import { SyncQueue } from './sync-queue.ts'

export interface DiskStateOptions {
  folder: string
  /** Called when the files can be written again after a failure. */
  onBack: () => void
}

/** With less room than this, a write may fail, in bytes. */
const roomMin = 1024 * 1024
/** Longer than the changes of a session are as a rule, so that they succeed after it. */
const trial = Buffer.alloc(64 * 1024)

export class DiskState {
  readonly #options: DiskStateOptions
  readonly #syncs = new SyncQueue()
  #hasFailed = false

  constructor(options: DiskStateOptions) {
    this.#options = options
  }

  /** Notes that a write or a read has failed. */
  readonly noteFailure = (): void => {
    this.#hasFailed = true
  }

  /** @throws LoomError `unavailable` if the files cannot be written now */
  async check(): Promise<void> {
    const { folder, onBack } = this.#options
    const hadFailed = this.#hasFailed
    if (!hadFailed && (await hasRoom(folder))) return
    this.#hasFailed = true
    await this.#tryToWrite(join(folder, 'trial.draft'))
    this.#hasFailed = false
    if (hadFailed) onBack()
  }

  async #tryToWrite(path: string): Promise<void> {
    const file = new SessionFile({ path, size: 0, syncs: this.#syncs })
    try {
      file.write([trial], { isConfirmed: true })
      await file.confirmed()
    } finally {
      await file.close()
      await rm(path, { force: true }).catch(() => undefined)
    }
  }
}

/** @throws LoomError `unavailable` if the folder is gone */
async function hasRoom(folder: string): Promise<boolean> {
  try {
    const { bavail, bsize, blocks } = await statfs(folder)
    // Some file systems do not count their blocks.
    return blocks === 0 || bavail * bsize >= roomMin
  } catch (error) {
    throw storeFailure(error)
  }
}
