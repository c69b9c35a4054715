/**
 * Texts of several lines in a line that is edited: a mark such as `[pasted #1: 3 lines]` stands for each,
 * so that the line stays one that can be edited.
 */

/** A recalled entry of more lines than these is shown as a mark. */
const shownLinesMax = 8

export class PastedText {
  readonly #texts = new Map<string, string>()

  /** One line is inserted as it is; several become a mark that stands for them. */
  marked(text: string): string {
    const trimmed = text.replace(/\n+$/, '')
    return trimmed.includes('\n') ? this.#mark(trimmed) : trimmed
  }

  /** An entry of the history as it is shown: its lines, or a mark where they are many. */
  recalled(entry: string): string {
    return entry.split('\n').length > shownLinesMax ? this.#mark(entry) : entry
  }

  /** The line with what its marks stand for. */
  expanded(line: string): string {
    let text = line
    for (const [mark, pasted] of this.#texts) text = text.replaceAll(mark, () => pasted)
    return text
  }

  /** How many characters a Backspace at the end of this text takes back. Half a mark stands for nothing. */
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
