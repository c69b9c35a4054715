/** A stretch of JSON as it arrived: chunks of bytes, from which values are parsed when they are wanted. */
import type { Span } from './scanner.ts'

export class Raw {
  /** Where the stretch begins in the text. */
  readonly start: number
  #chunks: Uint8Array[] = []
  /** Where the first chunk begins; behind `start` once bytes were released. */
  #from: number
  #end: number

  constructor(start: number) {
    this.start = start
    this.#from = start
    this.#end = start
  }

  /** Bytes that are held. */
  get size(): number {
    return this.#end - this.#from
  }

  /** @param at where `bytes` begin in the text; what is before `start` is left out */
  add(bytes: Uint8Array, at: number): void {
    const wanted = bytes.subarray(Math.max(0, this.#end - at))
    if (wanted.length === 0) return
    this.#chunks.push(wanted)
    this.#end += wanted.length
  }

  /** Gives up all chunks that end at or before `offset`. */
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
   * The value of a span that is held whole.
   * @throws SyntaxError where it is no JSON, TypeError where it is no UTF-8
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
