/**
 * Where the messages of a run come from. It holds the id of the stored message that ends with a given
 * message, and marks summaries and notes that Loom wrote in the user's place. It is kept beside the
 * messages, so that no model receives it.
 */
import type { ModelMessage } from 'ai'

const opening =
  'The conversation so far, in summary. It stands for messages that are no longer shown: take it as what was said, and do not answer it.'

export class Origins {
  readonly #ends = new WeakMap<ModelMessage, string>()
  readonly #summaries = new WeakMap<ModelMessage, string>()
  readonly #notes = new WeakSet<ModelMessage>()

  /** Records that the stored message `id` ends with `message`. */
  markEnd(message: ModelMessage, id: string): void {
    this.#ends.set(message, id)
  }

  endOf(message: ModelMessage): string | undefined {
    return this.#ends.get(message)
  }

  /** Creates the message that carries a summary to a model. */
  summary(text: string): ModelMessage {
    const message: ModelMessage = {
      role: 'user',
      content: `${opening}\n\n<summary>\n${text}\n</summary>`,
    }
    this.#summaries.set(message, text)
    return message
  }

  /** The text of a summary; undefined for any other message. */
  summaryIn(message: ModelMessage): string | undefined {
    return this.#summaries.get(message)
  }

  /** Creates a message that Loom writes in the user's place. */
  note(content: string): ModelMessage {
    const message: ModelMessage = { role: 'user', content }
    this.#notes.add(message)
    return message
  }

  /** Whether the user wrote the message. */
  isUsers(message: ModelMessage): boolean {
    return message.role === 'user' && !this.#summaries.has(message) && !this.#notes.has(message)
  }

  /** Copies the origin of `message` to `copy`. Returns the copy. */
  carry(message: ModelMessage, copy: ModelMessage): ModelMessage {
    const [end, summary] = [this.#ends.get(message), this.#summaries.get(message)]
    if (end !== undefined) this.#ends.set(copy, end)
    if (summary !== undefined) this.#summaries.set(copy, summary)
    if (this.#notes.has(message)) this.#notes.add(copy)
    return copy
  }
}
