/**
 * The whole output of a command, byte for byte, in a private file. It starts when the output is too long to
 * be shown, and has a maximum size to protect the disk.
 */
import { type FileHandle, open, unlink } from 'node:fs/promises'

export interface LogOptions {
  bytesMax: number
  /** Whether commands run as another user, which must be able to read the log. */
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

  /** The reason why the log is incomplete; undefined if it is complete. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Resolves when the bytes are written, so that the reader of the output can wait. Never rejects. */
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
      // The disk may be full. The command continues, and its last output is still shown.
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
