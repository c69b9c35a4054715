/**
 * Text that grows, and whether it holds a whole JSON object or array by now. It looks at brackets and
 * strings only, and only when asked: the question comes up for servers that don't number their calls.
 */
const closing: Record<string, string> = { '{': '}', '[': ']' }

export class StructuredText {
  text: string
  /** How far the text has been looked at. */
  #looked = 0
  /** The brackets that are yet to come, the next one last. */
  readonly #awaited: string[] = []
  #state: 'before' | 'inside' | 'in-string' | 'after-backslash' | 'complete' | 'other' = 'before'

  constructor(text: string) {
    this.text = text
  }

  append(text: string): void {
    this.text += text
  }

  get isComplete(): boolean {
    while (this.#looked < this.text.length) this.#look(this.text.charAt(this.#looked++))
    return this.#state === 'complete'
  }

  #look(character: string): void {
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
    this.#awaited.push(close)
    this.#state = 'inside'
  }

  #close(character: string): void {
    if (this.#awaited.pop() !== character) this.#state = 'other'
    else if (this.#awaited.length === 0) this.#state = 'complete'
  }
}
