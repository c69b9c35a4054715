/** Breaks words into lines of a given width while they arrive. Written text is never changed. */
import type { Word } from './inline.ts'

export interface LineSetterOptions {
  width: number
  write: (text: string) => void
  /** The text before the first line. */
  first?: string
  /** The text before every further line. It is as wide as `first`. */
  indent?: string
  /** The width of `first` and of `indent` in columns. */
  indentWidth?: number
}

export class LineSetter {
  readonly #options: LineSetterOptions
  #column = 0
  #hasLine = false

  constructor(options: LineSetterOptions) {
    this.#options = options
  }

  add(words: readonly Word[]): void {
    for (const word of words) this.#add(word)
  }

  /** Ends the last line, if there is one. */
  end(): void {
    if (this.#hasLine) this.#options.write('\n')
  }

  #add({ text, width, isAfterBreak, isGlued }: Word): void {
    const { write, first = '', indent = '', indentWidth = 0 } = this.#options
    if (!this.#hasLine) {
      this.#hasLine = true
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

/** Returns all words as complete lines. */
export function linesOf(words: readonly Word[], width: number): string[] {
  let text = ''
  const setter = new LineSetter({ width, write: (piece) => (text += piece) })
  setter.add(words)
  return text.split('\n')
}
