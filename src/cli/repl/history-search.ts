/** Ctrl-R: finds earlier entries that contain the typed text, newest first. */
import { plainLine } from '../render/plain.ts'
import { cutTo } from '../render/width.ts'

export interface SearchEnd {
  text: string
  /** The keys after the key that ended the search. */
  rest: string
}

/** The characters after Escape in the sequence of an arrow key or a similar key. */
const sequence = /^(?:\[[0-?]*[ -/]*[@-~]|O.)/

export class HistorySearch {
  readonly #entries: readonly string[]
  readonly #before: string
  #query = ''
  #index = 0

  /** @param before the text of the line, which Ctrl-C and Escape restore */
  constructor(entries: readonly string[], before: string) {
    this.#entries = entries
    this.#before = before
  }

  /** The entry that matches the typed text. */
  get found(): string | undefined {
    if (this.#query === '') return undefined
    const query = this.#query.toLowerCase()
    return this.#entries.filter((entry) => entry.toLowerCase().includes(query))[this.#index]
  }

  /** Processes keys. Returns the new text of the line when the search ends. */
  take(keys: string): SearchEnd | undefined {
    for (const [index, key] of Array.from(keys).entries()) {
      const rest = () =>
        Array.from(keys)
          .slice(index + 1)
          .join('')
      if (key === '\u0012') this.#index += 1
      else if (/[\r\n\t]/.test(key)) return { text: this.found ?? this.#before, rest: rest() }
      else if (key === '\u0003' || key === '\u0007') return { text: this.#before, rest: rest() }
      else if (key === '\u001b') return { text: this.#before, rest: rest().replace(sequence, '') }
      else this.#type(key)
    }
    // There is no entry after the last match.
    if (this.#index > 0 && this.found === undefined) this.#index -= 1
    return undefined
  }

  #type(key: string): void {
    if (key === '\u007f' || key === '\b') this.#query = this.#query.slice(0, -1)
    else if (!/\p{Cc}/u.test(key)) this.#query += key
    this.#index = 0
  }

  line(columns: number): string {
    const found = this.found
    const shown = found === undefined ? '' : plainLine(found)
    return cutTo(`search ${this.#query} › ${shown}`, columns - 1)
  }
}
