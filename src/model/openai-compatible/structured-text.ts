/**
 * A growing text, and whether it holds a complete JSON object or array. It checks only brackets and
 * strings, and only on request: only servers that do not number their calls need it.
 */
const closing: Record<string, string> = { '{': '}', '[': ']' }

export class StructuredText {
  text: string
  /** The index up to which the text was checked. */
  #position = 0
  /** The closing brackets that are missing, the next one last. */
  readonly #closings: string[] = []
  #state: 'before' | 'inside' | 'in-string' | 'after-backslash' | 'complete' | 'other' = 'before'

  constructor(text: string) {
    this.text = text
  }

  append(text: string): void {
    this.text += text
  }

  get isComplete(): boolean {
    while (this.#position < this.text.length) this.#read(this.text.charAt(this.#position++))
    return this.#state === 'complete'
  }

  #read(character: string): void {
    switch (this.#state) {
      case 'before':
        if (character.trim() === '') return
        this.#state = 'other'
        this.#open(character)
        return
      case 'inside':
        if (character === '"') this.#state = 'in-string'
        else if (character === '}' || character === ']') this.#close(character)
        else this.#open(character)
        return
      case 'in-string':
        if (character === '\\') this.#state = 'after-backslash'
        else if (character === '"') this.#state = 'inside'
        return
      case 'after-backslash':
        this.#state = 'in-string'
        return
      case 'complete':
      case 'other':
    }
  }

  #open(character: string): void {
    const close = closing[character]
    if (close === undefined) return
    this.#closings.push(close)
    this.#state = 'inside'
  }

  #close(character: string): void {
    if (this.#closings.pop() !== character) this.#state = 'other'
    else if (this.#closings.length === 0) this.#state = 'complete'
  }
}
