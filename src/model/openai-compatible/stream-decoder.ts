/**
 * Turns the events of a streamed answer into stream parts, in the order and with the ids that
 * `@ai-sdk/openai-compatible` gives them. A bad event is an `error` part and the next one is still
 * read, as there; what ends the stream for good is told by `isClosed`.
 */
import type {
  JSONObject,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  SharedV4Warning,
} from '@ai-sdk/provider'

import type { CallErrors } from './call-errors.ts'
import { isChunk, partText } from './chunk.ts'
import type { Chunk, Delta } from './chunk.ts'
import { isRecord } from './json-record.ts'
import { predictionMetadata, unifiedReason, usageOf } from './outcome.ts'
import { ToolCalls } from './tool-calls.ts'

export interface DecoderOptions {
  warnings: SharedV4Warning[]
  metadataKey: string
  includeRawChunks: boolean
  errors: CallErrors
  /** For tool calls that come without an id. */
  newId: () => string
}

type Parts = LanguageModelV4StreamPart[]
type Open = 'text' | 'reasoning' | undefined

const ids = { text: 'txt-0', reasoning: 'reasoning-0' } as const

export class StreamDecoder {
  readonly #options: DecoderOptions
  readonly #toolCalls: ToolCalls
  #hasStarted = false
  #isClosed = false
  #hasMetadata = false
  #open: Open
  #hasRefusal = false
  #hasFailed = false
  #rawReason: string | undefined
  #usage: JSONObject | undefined

  constructor(options: DecoderOptions) {
    this.#options = options
    this.#toolCalls = new ToolCalls(options.metadataKey, options.newId)
  }

  /** Whether an event has come. Until then a failure can still be told as a rejection. */
  get hasStarted(): boolean {
    return this.#hasStarted
  }

  /** Whether the last part has been given out. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Adds the parts of one event. */
  event(data: string, parts: Parts): void {
    if (this.#isClosed) return
    this.#start(parts)
    if (data.charCodeAt(0) === 91 && data.trim() === '[DONE]') {
      this.end(parts)
      return
    }
    let value: unknown
    try {
      value = JSON.parse(data)
    } catch (error) {
      this.#raw(undefined, parts)
      this.#error(this.#options.errors.notJson(data, error), parts)
      return
    }
    this.#raw(value, parts)
    // A null error says that there is none.
    if (isRecord(value) && value['error'] != null) {
      this.#error(this.#options.errors.reported(value), parts)
    } else if (isChunk(value)) {
      this.#chunk(value, parts)
    } else {
      this.#error(this.#options.errors.notAChunk(value), parts)
    }
  }

  /** Ends the stream. An answer that did not say why it ended was cut off. */
  end(parts: Parts): void {
    this.#start(parts)
    this.#close(parts)
    try {
      this.#toolCalls.finish(parts, { cutOff: this.#rawReason === undefined })
    } catch (error) {
      this.fail(this.#options.errors.badToolCall(error), parts)
      return
    }
    if (this.#rawReason === undefined && !this.#hasFailed) {
      parts.push({ type: 'error', error: this.#options.errors.noFinishReason() })
    }
    this.#finish(parts)
  }

  /** Ends the stream with an error. Its tool calls are not given out: they may lack their ends. */
  fail(error: Error, parts: Parts): void {
    this.#close(parts)
    this.#error(error, parts)
    this.#finish(parts)
  }

  #start(parts: Parts): void {
    if (this.#hasStarted) return
    this.#hasStarted = true
    parts.push({ type: 'stream-start', warnings: this.#options.warnings })
  }

  #raw(rawValue: unknown, parts: Parts): void {
    if (this.#options.includeRawChunks) parts.push({ type: 'raw', rawValue })
  }

  #error(error: Error, parts: Parts): void {
    this.#hasFailed = true
    this.#rawReason = undefined
    parts.push({ type: 'error', error })
  }

  #chunk(chunk: Chunk, parts: Parts): void {
    if (!this.#hasMetadata) this.#metadata(chunk, parts)
    if (chunk.usage != null) this.#usage = chunk.usage
    const choice = chunk.choices?.[0]
    if (choice === undefined) return
    if (choice.finish_reason != null) this.#rawReason = choice.finish_reason
    if (choice.delta != null) this.#delta(choice.delta, parts)
  }

  #metadata({ id, model, created }: Chunk, parts: Parts): void {
    if (!id && !model && !created) return
    this.#hasMetadata = true
    parts.push({
      type: 'response-metadata',
      ...(id == null ? {} : { id }),
      ...(model == null ? {} : { modelId: model }),
      ...(created ? { timestamp: new Date(created * 1000) } : {}),
    })
  }

  #delta(delta: Delta, parts: Parts): void {
    const reasoning = delta.reasoning_content ?? delta.reasoning
    if (reasoning) this.#say('reasoning', reasoning, parts)
    const { content, refusal, tool_calls: toolCalls } = delta
    if (typeof content === 'string') {
      if (content !== '') this.#say('text', content, parts)
    } else if (content != null) {
      this.#contentParts(content, parts)
    }
    if (typeof refusal === 'string' && refusal !== '') {
      this.#hasRefusal = true
      this.#say('text', refusal, parts)
    }
    if (toolCalls == null || toolCalls.length === 0) return
    if (this.#open === 'reasoning') this.#close(parts)
    try {
      for (const toolCall of toolCalls) this.#toolCalls.add(toolCall, parts)
    } catch (error) {
      this.fail(this.#options.errors.badToolCall(error), parts)
    }
  }

  #contentParts(content: readonly unknown[], parts: Parts): void {
    for (const part of content) {
      const said = partText(part)
      if (said !== undefined && said.text !== '') this.#say(said.type, said.text, parts)
    }
  }

  #say(kind: 'text' | 'reasoning', delta: string, parts: Parts): void {
    const id = ids[kind]
    if (this.#open !== kind) {
      this.#close(parts)
      this.#open = kind
      parts.push({ type: `${kind}-start`, id })
    }
    parts.push({ type: `${kind}-delta`, id, delta })
  }

  #close(parts: Parts): void {
    if (this.#open === undefined) return
    parts.push({ type: `${this.#open}-end`, id: ids[this.#open] })
    this.#open = undefined
  }

  #finish(parts: Parts): void {
    this.#isClosed = true
    parts.push({
      type: 'finish',
      finishReason: this.#finishReason(),
      usage: usageOf(this.#usage),
      providerMetadata: { [this.#options.metadataKey]: predictionMetadata(this.#usage) },
    })
  }

  #finishReason(): LanguageModelV4FinishReason {
    const raw = this.#rawReason
    if (raw === undefined) return { unified: 'error', raw }
    return { unified: unifiedReason(raw, this.#hasRefusal), raw }
  }
}
