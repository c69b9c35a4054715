/**
 * A text of an answer as an output item: a message with one text, or a reasoning item with one summary. An item
 * begins with the first characters of its text, so an empty text has none.
 */
import { type MessageItem, outputText, type ReasoningItem } from './response-items.ts'

/** Receives the events of a response, in order. The receiver numbers them. */
export interface ResponseSink {
  event: (type: string, fields: Readonly<Record<string, unknown>>) => void
  /** A piece of a text. `place` is the same object for all pieces of an item. */
  delta: (place: DeltaPlace, delta: string) => void
}

/** The fields of an event with a piece of a text, which are the same for all pieces of the item. */
export type DeltaPlace = Readonly<Record<string, unknown>>

export type TextKind = 'message' | 'reasoning'

export class TextItem {
  readonly index: number
  readonly #kind: TextKind
  readonly #id: string
  readonly #sink: ResponseSink
  readonly #at: Readonly<Record<string, unknown>>
  readonly #place: DeltaPlace
  #text = ''
  #status: 'in_progress' | 'completed' | 'incomplete' = 'in_progress'

  constructor(kind: TextKind, { id, index }: { id: string; index: number }, sink: ResponseSink) {
    this.index = index
    this.#kind = kind
    this.#id = id
    this.#sink = sink
    const at = { item_id: id, output_index: index }
    this.#at = { ...at, ...(kind === 'message' ? { content_index: 0 } : { summary_index: 0 }) }
    this.#place =
      kind === 'message'
        ? { type: 'response.output_text.delta', ...this.#at, logprobs: [] }
        : { type: 'response.reasoning_summary_text.delta', ...this.#at }
    const item = { ...this.item, ...(kind === 'message' ? { content: [] } : { summary: [] }) }
    sink.event('response.output_item.added', { output_index: index, item })
    sink.event(
      kind === 'message' ? 'response.content_part.added' : 'response.reasoning_summary_part.added',
      { ...this.#at, part: this.#part },
    )
  }

  add(delta: string): void {
    this.#text += delta
    this.#sink.delta(this.#place, delta)
  }

  /** @param status `incomplete` for a text that a later event withdraws */
  end(status: 'completed' | 'incomplete'): void {
    if (this.#status !== 'in_progress') return
    this.#status = status
    const text = this.#text
    const part = this.#part
    const at = this.#at
    if (this.#kind === 'message') {
      this.#sink.event('response.output_text.done', { ...at, text, logprobs: [] })
      this.#sink.event('response.content_part.done', { ...at, part })
    } else {
      this.#sink.event('response.reasoning_summary_text.done', { ...at, text })
      this.#sink.event('response.reasoning_summary_part.done', { ...at, part })
    }
    this.#sink.event('response.output_item.done', { output_index: this.index, item: this.item })
  }

  get item(): MessageItem | ReasoningItem {
    const common = { id: this.#id, status: this.#status }
    return this.#kind === 'message'
      ? { ...common, type: 'message', role: 'assistant', content: [outputText(this.#text)] }
      : { ...common, type: 'reasoning', summary: [{ type: 'summary_text', text: this.#text }] }
  }

  get #part() {
    return this.#kind === 'message'
      ? outputText(this.#text)
      : { type: 'summary_text' as const, text: this.#text }
  }
}
