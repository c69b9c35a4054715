/**
 * Answers whose choices have no delta. Some servers send a message or a text instead of each delta, with
 * one piece or everything so far. Others repeat the whole message at the end.
 */
import { textOf } from './chunk.ts'
import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'

export class WholeMessages {
  /** The text so far. Undefined if the answer came in deltas. */
  #soFar: string | undefined

  /**
   * Returns the content that a choice adds.
   * @param isFirst whether the answer has no content yet
   */
  deltaOf({ message, text }: JsonRecord, isFirst: boolean): JsonRecord | undefined {
    const whole = isRecord(message) ? message : { content: textOf(text) }
    const content = textOf(whole['content'])
    if (isFirst) {
      this.#soFar = content ?? ''
      return whole
    }
    if (this.#soFar === undefined || content === undefined) return undefined
    const isAll = content.startsWith(this.#soFar)
    const added = isAll ? content.slice(this.#soFar.length) : content
    this.#soFar += added
    return { content: added }
  }
}
