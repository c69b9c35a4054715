/** Keeps a range of JSON as chunks of bytes, and parses values from it when they are wanted. */
import type { Span } from './scanner.ts'

export class Raw {
  /** The offset of the range in the text. */
  readonly start: number
  #chunks: Uint8Array[] = []
  /** The offset of the first chunk. It is after `start` once bytes were released. */
  #from: number
  #end: number

  constructor(start: number) {
    this.start = start
    this.#from = start
    this.#end = start
  }

  /** The number of bytes in memory. */
  get size(): number {
    return this.#end - this.#from
  }

  /** @param at the offset of `bytes` in the text; bytes before `start` are left out */
  add(bytes: Uint8Array, at: number): void {
    const rest = bytes.subarray(Math.max(0, this.#end - at))
    if (rest.length === 0) return
    this.#chunks.push(rest)
    this.#end += rest.length
  }

  /** Releases all chunks that end at or before `offset`. */
  release(offset: number): void {
    let count = 0
    for (const { length } of this.#chunks) {
      if (this.#from + length > offset) break
      this.#from += length
      count++
    }
    this.#chunks.splice(0, count)
  }

  /**
   * Parses a span. All of its bytes must be in memory.
   * @throws SyntaxError if it is not JSON
   * @throws TypeError if it is not UTF-8
   */
  parse({ start, end }: Pick<Span, 'start' | 'end'>): unknown {
    const bytes = this.#slice(start, end)
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  }

  #slice(start: number, end: number): Uint8Array {
    const pieces: Uint8Array[] = []
    let from = this.#from
    for (const chunk of this.#chunks) {
      const until = from + chunk.length
      if (until > start && from < end) {
        pieces.push(chunk.subarray(Math.max(0, start - from), end - from))
      }
      from = until
    }
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }
}
