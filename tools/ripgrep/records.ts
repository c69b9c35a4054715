/** A stream of bytes cut at a separator. A record that is too long loses its end, not the stream. */
export interface RecordsOptions {
  /** One ASCII character. */
  separator: string
  bytesMax: number
  /** False when no more are wanted. */
  take: (record: Buffer, isCut: boolean) => boolean
}

export class Records {
  readonly #options: RecordsOptions
  readonly #separator: number
  #pieces: Buffer[] = []
  #length = 0
  #isCut = false

  constructor(options: RecordsOptions) {
    this.#options = options
    this.#separator = options.separator.charCodeAt(0)
  }

  /** False when no more are wanted. What follows the last separator is no record yet. */
  push(chunk: Buffer): boolean {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(this.#separator, start)
      this.#keep(chunk.subarray(start, end === -1 ? chunk.length : end))
      if (end === -1) return true
      start = end + 1
      const record = Buffer.concat(this.#pieces)
      const isCut = this.#isCut
      this.#pieces = []
      this.#length = 0
      this.#isCut = false
      if (!this.#options.take(record, isCut)) return false
    }
  }

  #keep(piece: Buffer): void {
    const room = this.#options.bytesMax - this.#length
    if (piece.length > room) this.#isCut = true
    const kept = piece.subarray(0, room)
    if (kept.length === 0) return
    this.#pieces.push(kept)
    this.#length += kept.length
  }
}
