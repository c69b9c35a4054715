/**
 * Pasted texts in an edited line. A mark such as `[pasted #1: 3 lines]` represents each text with
 * several lines, so that the line can still be edited.
 */

/** A history entry with more lines is shown as a mark. */
const shownLinesMax = 8

export class PastedText {
  readonly #texts = new Map<string, string>()

  /** Returns one line unchanged, and a mark for several lines. */
  insertText(text: string): string {
    const trimmed = text.replace(/\n+$/, '')
    return trimmed.includes('\n') ? this.#mark(trimmed) : trimmed
  }

  /** Returns the lines of a history entry, or a mark for many lines. */
  historyText(entry: string): string {
    return entry.split('\n').length > shownLinesMax ? this.#mark(entry) : entry
  }

  /** Returns the line with the text of each mark. */
  expand(line: string): string {
    let text = line
    for (const [mark, pasted] of this.#texts) text = text.replaceAll(mark, () => pasted)
    return text
  }

  /**
   * The number of characters that Backspace removes at the end of this text: a whole mark, or one
   * character.
   */
  backspaceLength(before: string): number {
    return [...this.#texts.keys()].find((mark) => before.endsWith(mark))?.length ?? 1
  }

  #mark(text: string): string {
    for (const [mark, known] of this.#texts) if (known === text) return mark
    const mark = `[pasted #${this.#texts.size + 1}: ${text.split('\n').length} lines]`
    this.#texts.set(mark, text)
    return mark
  }
}
