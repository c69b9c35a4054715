/**
 * Answers whose choices have no delta. Some servers send a message or a text in place of each delta, a
 * piece or all so far; others repeat the whole message at the end.
 */
import { textOf } from './chunk.ts'
import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'

export class WholeMessages {
  /** The text so far. Undefined where the answer came in deltas. */
  #soFar: string | undefined

  /**
   * What a choice adds.
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
