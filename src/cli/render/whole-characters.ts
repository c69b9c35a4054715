/**
 * Joins the halves of characters that a stream was cut through: a model's API may send the two UTF-16
 * code units of an emoji in two pieces, and each alone is written as U+FFFD.
 */
export class WholeCharacters {
  #half = ''

  /** The whole characters so far; half of one waits for the next piece. */
  take(piece: string): string {
    const text = this.#half + piece
    this.#half = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : ''
    return this.#half === '' ? text : text.slice(0, -1)
  }

  /** What waits still, when nothing more comes. */
  end(): string {
    const half = this.#half
    this.#half = ''
    return half.toWellFormed()
  }
}
