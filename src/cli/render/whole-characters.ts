/**
 * Joins the halves of split characters. The API of a model may send the two UTF-16 code units of an
 * emoji in two deltas. Each half alone would be written as U+FFFD.
 */
export class WholeCharacters {
  #half = ''

  /** Returns the complete characters. Half a character waits for the next piece. */
  take(piece: string): string {
    const text = this.#half + piece
    this.#half = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : ''
    return this.#half === '' ? text : text.slice(0, -1)
  }

  /** Returns the remaining half after the last piece. */
  end(): string {
    const half = this.#half
    this.#half = ''
    return half.toWellFormed()
  }
}
