/**
 * What the messages of a run stand for: of the last one that a stored message became, that message's
 * id is known, and of a summary or a note of Loom's own, that it is no user's. Kept beside the
 * messages, so that nothing of it is sent to a model.
 */
import type { ModelMessage } from 'ai'

const opening =
  'The conversation so far, in summary. It stands for messages that are no longer shown: take it as what was said, and do not answer it.'

export class Origins {
  readonly #ends = new WeakMap<ModelMessage, string>()
  readonly #summaries = new WeakMap<ModelMessage, string>()
  readonly #notes = new WeakSet<ModelMessage>()

  /** Notes that a stored message ends with this one. */
  markEnd(message: ModelMessage, id: string): void {
    this.#ends.set(message, id)
  }

  endOf(message: ModelMessage): string | undefined {
    return this.#ends.get(message)
  }

  /** The message that a model is told a summary with. */
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

  /** What Loom tells the model in the user's place. */
  note(content: string): ModelMessage {
    const message: ModelMessage = { role: 'user', content }
    this.#notes.add(message)
    return message
  }

  /** Whether a user said it. */
  isUsers(message: ModelMessage): boolean {
    return message.role === 'user' && !this.#summaries.has(message) && !this.#notes.has(message)
  }

  /** `copy` stands for what `message` does. */
  carry(message: ModelMessage, copy: ModelMessage): ModelMessage {
    const [end, summary] = [this.#ends.get(message), this.#summaries.get(message)]
    if (end !== undefined) this.#ends.set(copy, end)
    if (summary !== undefined) this.#summaries.set(copy, summary)
    if (this.#notes.has(message)) this.#notes.add(copy)
    return copy
  }
}
