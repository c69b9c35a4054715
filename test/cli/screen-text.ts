/**
 * The text that a terminal of this width shows after these bytes, with the lines that have scrolled
 * off. It supports the sequences of the command and of a shell. Any other sequence
 * that moves the cursor is an error, so that no output is misread silently.
 */
export function screenText(sent: string, columns: number): string[] {
  const screen = new Screen(columns)
  for (const [token] of sent.matchAll(tokens)) screen.take(token)
  return screen.lines.map((line) => line.join('').trimEnd())
}

const tokens = new RegExp(
  [
    // A control sequence, a title, another escape, an incomplete sequence, or a single character.
    String.raw`\u001b\[[0-?]*[ -/]*[@-~]`,
    String.raw`\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)`,
    String.raw`\u001b[ -/]*[0-OQ-WYZ\\^-~]`,
    String.raw`\u001b[^]*$`,
    '[^]',
  ].join('|'),
  'gu',
)

class Screen {
  readonly lines: string[][] = [[]]
  readonly #columns: number
  #row = 0
  /** One past the last column if the next character begins a line. */
  #column = 0

  constructor(columns: number) {
    this.#columns = columns
  }

  take(token: string): void {
    if (token === '\n') this.#to(this.#row + 1)
    else if (token === '\r') this.#column = 0
    else if (token === '\b') this.#column = Math.max(0, this.#column - 1)
    else if (token.startsWith('\u001b[')) this.#control(token)
    else if (!/^\p{Cc}/u.test(token)) this.#put(token)
  }

  #put(character: string): void {
    if (this.#column === this.#columns) {
      this.#to(this.#row + 1)
      this.#column = 0
    }
    const line = this.#line()
    while (line.length < this.#column) line.push(' ')
    line[this.#column] = character
    this.#column += 1
  }

  #control(sequence: string): void {
    const [, text = '', final = ''] = /^\[([0-?]*)[ -/]*(.)$/u.exec(sequence.slice(1)) ?? []
    // Modes, colours and requests for the cursor position show nothing. An incomplete sequence waits.
    if (text.startsWith('?') || final === 'm' || final === 'n' || final === '') return
    const count = Math.max(1, Number(text))
    if (final === 'A') this.#row = Math.max(0, this.#row - count)
    else if (final === 'B') this.#to(this.#row + count)
    else if (final === 'C') this.#column = Math.min(this.#columns - 1, this.#column + count)
    else if (final === 'D') this.#column = Math.max(0, this.#column - count)
    else if (final === 'G') this.#column = Math.min(this.#columns, count) - 1
    else if (final === 'K' || final === 'J') this.#erase(final, Number(text))
    else throw new Error(`A terminal was sent ${JSON.stringify(sequence)}.`)
  }

  #erase(what: 'K' | 'J', mode: number): void {
    const line = this.#line()
    if (mode === 0) line.splice(this.#column)
    else if (mode === 2 && what === 'K') line.splice(0)
    else throw new Error(`A terminal was sent an erasure of kind ${mode}.`)
    if (what === 'J') this.lines.splice(this.#row + 1)
  }

  #to(row: number): void {
    this.#row = row
    while (this.lines.length <= row) this.lines.push([])
  }

  #line(): string[] {
    return (this.lines[this.#row] ??= [])
  }
}
