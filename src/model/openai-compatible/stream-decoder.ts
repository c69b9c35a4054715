/**
 * Turns the events of a streamed answer into stream parts, in the order and with the ids that
 * `@ai-sdk/openai-compatible` gives them. The outcome is decided by what was received, in this order:
 * a reported error, a finish reason, the end of the body. After an error or a finish reason the rest
 * of the stream can only add to the answer (usage, mostly); its loss takes nothing from it.
 */
import type {
  JSONObject,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
  SharedV4Warning,
} from '@ai-sdk/provider'

import { finishMeaning, isCutOff } from '../finish-reason.ts'
import type { CallErrors } from './call-errors.ts'
import { choiceOf, errorIn, finishReasonOf, isSuccess, partText, textOf, usageIn } from './chunk.ts'
import { isRecord, parseJson } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'
import { predictionMetadata, unifiedReason, usageOf } from './outcome.ts'
import { messageOf } from './provider-message.ts'
import { detailsText } from './reasoning-details.ts'
import { toolCallDeltas } from './tool-call-delta.ts'
import { ToolCalls } from './tool-calls.ts'
import { ReplyForm } from './wire-form.ts'

export interface DecoderOptions {
  warnings: SharedV4Warning[]
  metadataKey: string
  includeRawChunks: boolean
  /** `provider/model-id`, which what must go back to that model alone is marked with. */
  model: string
  errors: CallErrors
  /** For tool calls that come without an id. */
  newId: () => string
}

type Parts = LanguageModelV4StreamPart[]
type Open = 'text' | 'reasoning' | undefined

const ids = { text: 'txt-0', reasoning: 'reasoning-0' } as const

/** Usage follows the finish reason at once, or never. */
const untilUsageMs = 1000
/** What follows the usage is `[DONE]` or the end of the body, and worth no wait. */
const afterUsageMs = 250
/** For a finish reason behind which more of the answer is likely. */
const doubtfulReasonMs = 10_000

export class StreamDecoder {
  /** True where the answer is known to be complete without a finish reason. @defaultValue false */
  isWhole = false

  readonly #options: DecoderOptions
  readonly #toolCalls: ToolCalls
  readonly #form: ReplyForm
  #hasStarted = false
  #isClosed = false
  #hasMetadata = false
  #open: Open
  #hasRefusal = false
  #hasFailed = false
  /** The last finish reason that is one. */
  #rawReason: string | undefined
  #pieces = 0
  #hasReasoningOnly = false
  /** Whether content came after a finish reason. */
  #goesOn = false
  #usage: JSONObject | undefined
  /** The text so far, where messages stand in place of deltas. */
  #soFar: string | undefined

  constructor(options: DecoderOptions) {
    this.#options = options
    this.#form = new ReplyForm(options.model)
    this.#toolCalls = new ToolCalls(options, this.#form)
  }

  /** Whether an event has come. Until then a failure can still be told as a rejection. */
  get hasStarted(): boolean {
    return this.#hasStarted
  }

  /** Whether the last part has been given out. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * How long the rest of the stream is worth waiting for, in milliseconds; undefined while the answer
   * is not complete. It changes only with content, so that pings cannot extend it.
   */
  get remainderMs(): number | undefined {
    if (!this.#hasFailed && this.#rawReason === undefined) return undefined
    // Some servers end the thoughts with a finish reason of their own, others send one with each delta.
    if ((this.#hasReasoningOnly || this.#goesOn) && !this.#hasFailed) return doubtfulReasonMs
    return this.#usage === undefined ? untilUsageMs : afterUsageMs
  }

  /** How many pieces of content have come: a piece after the finish reason extends the wait. */
  get pieces(): number {
    return this.#pieces
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
      this.#notJson(data, error, parts)
      return
    }
    this.value(value, parts)
  }

  /** Adds the parts of one event that was parsed. */
  value(value: unknown, parts: Parts): void {
    if (this.#isClosed) return
    this.#start(parts)
    this.#raw(value, parts)
    if (!isRecord(value)) {
      if (typeof value === 'string' && isDone(value)) this.end(parts)
    } else if (Array.isArray(value)) {
      for (const item of value) this.value(item, parts)
    } else {
      this.#chunk(value, parts)
    }
  }

  /** Ends the stream. An answer that did not say why it ended was cut off. */
  end(parts: Parts): void {
    this.#start(parts)
    this.#close(parts, this.#toolCalls.isEmpty ? this.#form.ofMessage : undefined)
    if (this.isWhole && !this.#hasFailed) this.#rawReason ??= 'stop'
    const meaning = this.#rawReason === undefined ? undefined : finishMeaning(this.#rawReason)
    try {
      this.#toolCalls.finish(parts, { cutOff: isCutOff(meaning) })
    } catch (error) {
      this.fail(this.#options.errors.badToolCall(error), parts)
      return
    }
    if (this.#rawReason === undefined && !this.#hasFailed) {
      parts.push({ type: 'error', error: this.#options.errors.noFinishReason() })
    }
    this.#finish(parts)
  }

  /** Ends the stream because the rest of it is lost, which matters only to an answer without an end. */
  breakOff(error: Error, parts: Parts): void {
    if (this.remainderMs === undefined) this.fail(error, parts)
    else this.end(parts)
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

  /** Some servers put several events into one, or the name of the field twice. */
  #notJson(data: string, cause: unknown, parts: Parts): void {
    const lines = data.split('\n').map((line) => line.replace(/^\s*(data:\s*)+/, ''))
    const texts = lines.filter((line) => line.trim() !== '')
    const values = texts.map((text) => (isDone(text) ? text.trim() : parseJson(text)))
    if (
      texts.length > 0 &&
      (texts.length > 1 || texts[0] !== data) &&
      !values.includes(undefined)
    ) {
      for (const value of values) this.value(value, parts)
    } else if (isDone(data)) {
      this.end(parts)
    } else {
      this.#raw(undefined, parts)
      // Behind the finish reason it can be no part of the answer.
      if (this.#rawReason === undefined)
        this.#error(this.#options.errors.notJson(data, cause), parts)
    }
  }

  #chunk(chunk: JsonRecord, parts: Parts): void {
    const choice = choiceOf(chunk)
    const usage = usageIn(chunk, choice)
    if (usage !== undefined) this.#usage = usage
    const error = errorIn(chunk, choice)
    if (error !== undefined) {
      this.#error(this.#options.errors.reported(error), parts)
      return
    }
    if (choice === undefined && chunk['choices'] === undefined && isFailureMessage(chunk)) {
      this.#error(this.#options.errors.reported(chunk), parts)
      return
    }
    if (!this.#hasMetadata) this.#metadata(chunk, parts)
    if (choice === undefined) return
    const delta = choice['delta'] ?? this.#deltaOf(choice)
    if (isRecord(delta)) this.#delta(delta, parts)
    const reason = finishReasonOf(choice)
    if (reason !== undefined && !this.#isClosed) this.#reason(reason, parts)
  }

  /**
   * What a choice without a delta adds. Some servers send a message or a text in place of each delta, a
   * piece or all so far; others repeat the whole message at the end.
   */
  #deltaOf({ message, text }: JsonRecord): JsonRecord | undefined {
    const whole = isRecord(message) ? message : { content: textOf(text) }
    if (this.#pieces === 0) {
      this.#soFar = textOf(whole['content']) ?? ''
      return whole
    }
    const content = textOf(whole['content'])
    if (this.#soFar === undefined || content === undefined) return undefined
    const isAll = content.startsWith(this.#soFar)
    const added = isAll ? content.slice(this.#soFar.length) : content
    this.#soFar += added
    return { content: added }
  }

  #reason(reason: string, parts: Parts): void {
    if (finishMeaning(reason) === 'error') {
      this.#error(this.#options.errors.failedReason(reason), parts)
    }
    this.#rawReason = reason
  }

  #metadata({ id, model, created }: JsonRecord, parts: Parts): void {
    if (!id && !model && !created) return
    this.#hasMetadata = true
    const [name, modelId, time] = [textOf(id), textOf(model), Number(created)]
    parts.push({
      type: 'response-metadata',
      ...(name === undefined ? {} : { id: name }),
      ...(modelId === undefined ? {} : { modelId }),
      ...(time > 0 ? { timestamp: new Date(time * 1000) } : {}),
    })
  }

  #delta(delta: JsonRecord, parts: Parts): void {
    this.#form.note(delta)
    const reasoning =
      textOf(delta['reasoning_content']) ||
      textOf(delta['reasoning']) ||
      detailsText(delta['reasoning_details'])
    if (reasoning) this.#say('reasoning', reasoning, parts)
    const { content, refusal } = delta
    if (typeof content === 'string') {
      if (content !== '') this.#say('text', content, parts)
    } else if (content != null) {
      this.#contentParts(Array.isArray(content) ? content : [textOf(content) ?? content], parts)
    }
    if (typeof refusal === 'string' && refusal !== '') {
      this.#hasRefusal = true
      this.#say('text', refusal, parts)
    }
    // `function_call` is the form before tools had ids; its only call is the first.
    const toolCalls = delta['tool_calls'] ?? delta['function_call']
    if (toolCalls != null) this.#callDeltas(toolCalls, parts)
  }

  #callDeltas(toolCalls: unknown, parts: Parts): void {
    const deltas = toolCallDeltas(toolCalls)
    if (deltas.length === 0) return
    this.#pieces++
    this.#hasReasoningOnly = false
    if (this.#open === 'reasoning') this.#close(parts)
    try {
      for (const toolCall of deltas) this.#toolCalls.add(toolCall, parts)
    } catch (error) {
      this.fail(this.#options.errors.badToolCall(error), parts)
    }
  }

  #contentParts(content: readonly unknown[], parts: Parts): void {
    for (const part of content) {
      const said = partText(part)
      if (said === undefined || said.text === '') continue
      if (said.type === 'reasoning') this.#form.noteThoughtPart()
      this.#say(said.type, said.text, parts)
    }
  }

  #say(kind: 'text' | 'reasoning', delta: string, parts: Parts): void {
    const id = ids[kind]
    this.#pieces++
    if (this.#rawReason !== undefined) this.#goesOn = true
    if (this.#open !== kind) {
      this.#hasReasoningOnly =
        kind === 'reasoning' && (this.#hasReasoningOnly || this.#pieces === 1)
      this.#close(parts)
      this.#open = kind
      parts.push({ type: `${kind}-start`, id, ...this.#metadataOf(kind) })
    }
    parts.push({ type: `${kind}-delta`, id, delta })
  }

  /** @param ofMessage the form of the whole message, which its last part carries */
  #close(parts: Parts, ofMessage?: SharedV4ProviderMetadata): void {
    if (this.#open === undefined) return
    const metadata =
      ofMessage === undefined ? this.#metadataOf(this.#open) : { providerMetadata: ofMessage }
    parts.push({ type: `${this.#open}-end`, id: ids[this.#open], ...metadata })
    this.#open = undefined
  }

  #metadataOf(kind: 'text' | 'reasoning') {
    const providerMetadata = kind === 'reasoning' ? this.#form.ofThoughts : undefined
    return providerMetadata === undefined ? undefined : { providerMetadata }
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

const isDone = (text: string) => /^\s*"?\[?DONE\]?"?\s*$/i.test(text)

/** An event that is no chunk and says something says what is wrong. */
const isFailureMessage = (value: JsonRecord) => messageOf(value) !== undefined && !isSuccess(value)
