/**
 * The whole output of a command, byte for byte, in a file that nobody else finds. It is begun
 * when the output has become too long to be shown, and it ends where a disk has to be protected.
 */
import { type FileHandle, open, unlink } from 'node:fs/promises'

export interface LogOptions {
  bytesMax: number
  /** Whether commands run as another user, and are to read the log all the same. */
  isForOthers: boolean
}

export class CommandLog {
  readonly path: string
  readonly #bytesMax: number
  readonly #mode: number
  #file: FileHandle | undefined
  #bytes = 0
  #problem: string | undefined

  constructor(path: string, { bytesMax, isForOthers }: LogOptions) {
    this.path = path
    this.#bytesMax = bytesMax
    this.#mode = isForOthers ? 0o644 : 0o600
  }

  /** Why the log does not hold all, or undefined. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Settles when the bytes are written, so that whoever reads them is held back. Never rejects. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    return this.#problem === undefined ? this.#write(bytes) : undefined
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const room = this.#bytesMax - this.#bytes
    try {
      this.#file ??= await open(this.path, 'wx', this.#mode)
      await this.#file.writeFile(bytes.subarray(0, room))
      this.#bytes += Math.min(bytes.length, room)
    } catch {
      // A full disk: the command goes on, and its last words are shown all the same.
      this.#problem = `only its first ${this.#bytes} bytes could be written`
    }
    if (bytes.length > room) this.#problem = `only its first ${this.#bytes} bytes are kept`
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => undefined)
  }

  async remove(): Promise<void> {
    await this.close()
    await unlink(this.path).catch(() => undefined)
  }
}
