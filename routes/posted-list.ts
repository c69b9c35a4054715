/** The list of messages in the body of a posted chat. */
import { bodyLimits, invalid } from './body-limits.ts'
import type { PostedMessage } from './posted-message.ts'

/**
 * Collects `messages`: the last message that is not a system message, and its history if that is
 * kept.
 */
export class PostedList {
  #count = 0
  #last: { message: PostedMessage; index: number } | undefined
  /** Undefined if the history is not kept, or is beyond the limits. */
  #history: { message: PostedMessage; index: number }[] | undefined
  #size = 0
  #values = 0
  #isAsked = false
  #isAnswered = false

  constructor(keepsHistory: boolean) {
    this.#history = keepsHistory ? [] : undefined
  }

  /** True if an assistant message follows a user message. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  get nameOfNext(): string {
    return `messages[${this.#count}]`
  }

  add(message: PostedMessage): void {
    const index = this.#count++
    if (this.#count > bodyLimits.messages) {
      throw invalid(`messages holds more than ${bodyLimits.messages} messages.`)
    }
    if (message.role === 'user') this.#isAsked = true
    if (message.role === 'assistant') this.#isAnswered ||= this.#isAsked
    if (message.isSystem && this.#last !== undefined) return
    this.#keepLast()
    this.#last = { message, index }
  }

  /** Moves the last message to the history, before a new last message replaces it. */
  #keepLast(): void {
    const last = this.#last
    if (last === undefined || this.#history === undefined || last.message.isSystem) return
    this.#size += last.message.size
    this.#values += last.message.values
    const isMuch = this.#values > bodyLimits.values || last.message.refusal !== undefined
    if (this.#size <= bodyLimits.messageBytes && !isMuch) this.#history.push(last)
    // Without the history, an existing session still accepts the post. Only a new session needs it.
    else this.#history = undefined
  }

  value(): unknown[] {
    const last = this.#last
    if (last === undefined) return []
    // Only the server sets instructions. A system message keeps its place and loses its text.
    const isKept = this.#history !== undefined
    const messages: unknown[] = Array.from({ length: isKept ? last.index : 0 }, systemMessage)
    messages.length = last.index
    for (const { message, index } of this.#history ?? []) messages[index] = message.value()
    messages[last.index] = last.message.value()
    return messages
  }
}

const systemMessage = () => ({ role: 'system' })
