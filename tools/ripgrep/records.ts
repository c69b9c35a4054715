/** Splits a stream of bytes at a separator. A record that is too long loses its end; the stream goes on. */
export interface RecordsOptions {
  /** One ASCII character. */
  separator: string
  bytesMax: number
  /** Receives each record. Returns false to receive no more. */
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

  /** Returns false if no more are needed. Bytes after the last separator are no record yet. */
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
    const part = piece.subarray(0, room)
    if (part.length === 0) return
    this.#pieces.push(part)
    this.#length += part.length
  }
}
