/**
 * Splits a stream of text into lines. It keeps only the selected lines, and only the beginning of each: a
 * line of a gigabyte takes no more memory than a short one. Lines end in `\n`, as they do for grep and
 * compilers; a `\r` before it is no part of the line.
 */
import { cutToLength } from '../../src/ground/cut-text.ts'

export interface Line {
  /** Counted from 1. */
  number: number
  text: string
  /** Whether the line is longer than `text`. */
  isCut: boolean
}

export interface LineScannerOptions {
  /** The number of the first line to keep. */
  first: number
  charsMax: number
  /** Receives each line from `first` on. Returns false to receive no more. */
  take: (line: Line) => boolean
}

export class LineScanner {
  readonly #options: LineScannerOptions
  #lines = 0
  #text = ''
  #length = 0
  #isTaking = true

  constructor(options: LineScannerOptions) {
    this.#options = options
  }

  /** The number of lines that have ended so far. */
  get lines(): number {
    return this.#lines
  }

  get isTaking(): boolean {
    return this.#isTaking
  }

  push(piece: string): void {
    let start = 0
    for (let end = piece.indexOf('\n'); end !== -1; end = piece.indexOf('\n', start)) {
      this.#extend(piece, start, end)
      this.#finish()
      start = end + 1
    }
    this.#extend(piece, start, piece.length)
  }

  /** Ends the text. The last line may lack its `\n`; no line follows the last `\n`. */
  end(): void {
    if (this.#length > 0) this.#finish()
  }

  get #isSelected(): boolean {
    return this.#isTaking && this.#lines + 1 >= this.#options.first
  }

  #extend(piece: string, start: number, end: number): void {
    this.#length += end - start
    // One character more than `charsMax`, since it may be the `\r`.
    const room = this.#options.charsMax + 1 - this.#text.length
    if (room > 0 && this.#isSelected) this.#text += piece.slice(start, Math.min(end, start + room))
  }

  #finish(): void {
    if (this.#isSelected) {
      const isWhole = this.#text.length === this.#length
      const text = isWhole && this.#text.endsWith('\r') ? this.#text.slice(0, -1) : this.#text
      const { charsMax } = this.#options
      const isCut = text.length > charsMax || !isWhole
      const line = { number: this.#lines + 1, text: cutToLength(text, charsMax), isCut }
      this.#isTaking = this.#options.take(line)
    }
    this.#lines++
    this.#text = ''
    this.#length = 0
  }
}
