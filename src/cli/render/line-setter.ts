/** Sets words into lines of a width, as they come: what is written is never taken back. */
import type { Word } from './inline.ts'

export interface LineSetterOptions {
  width: number
  write: (text: string) => void
  /** Before the first line. */
  first?: string
  /** Before every further line; as wide as `first`. */
  indent?: string
  /** Columns that `first` and `indent` take. */
  indentWidth?: number
}

export class LineSetter {
  readonly #options: LineSetterOptions
  #column = 0
  #isBegun = false

  constructor(options: LineSetterOptions) {
    this.#options = options
  }

  add(words: readonly Word[]): void {
    for (const word of words) this.#add(word)
  }

  /** Ends the last line, if there is one. */
  end(): void {
    if (this.#isBegun) this.#options.write('\n')
  }

  #add({ text, width, isAfterBreak, isGlued }: Word): void {
    const { write, first = '', indent = '', indentWidth = 0 } = this.#options
    if (!this.#isBegun) {
      this.#isBegun = true
      this.#column = indentWidth + width
      write(first + text)
      return
    }
    const gap = isGlued ? '' : ' '
    if (isAfterBreak || this.#column + gap.length + width > this.#options.width) {
      this.#column = indentWidth + width
      write(`\n${indent}${text}`)
      return
    }
    this.#column += gap.length + width
    write(gap + text)
  }
}

/** All the words as whole lines. */
export function linesOf(words: readonly Word[], width: number): string[] {
  let text = ''
  const setter = new LineSetter({ width, write: (piece) => (text += piece) })
  setter.add(words)
  return text.split('\n')
}
