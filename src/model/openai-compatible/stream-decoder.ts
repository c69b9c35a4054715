/**
 * Converts the events of a streamed answer to stream parts, in the order and with the ids of
 * `@ai-sdk/openai-compatible`. The first of these decides the outcome: a reported error, a finish
 * reason, the end of the body. After an error or a finish reason, the rest of the stream can only add
 * to the answer (mostly usage), so its loss changes nothing. The file is long because the outcome
 * depends on every kind of event, so they share one state.
 */
import type { JSONObject, LanguageModelV4StreamPart, SharedV4Warning } from '@ai-sdk/provider'

import { finishMeaning, isCutOff } from '../finish-reason.ts'
import type { CallErrors } from './call-errors.ts'
import {
  choiceOf,
  errorIn,
  finishReasonOf,
  isDone,
  metadataIn,
  partText,
  textOf,
  usageIn,
  valuesIn,
} from './chunk.ts'
import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'
import { OpenPart } from './open-part.ts'
import { finishReasonIn, predictionMetadata, usageOf } from './outcome.ts'
import { isFailureMessage } from './provider-message.ts'
import { detailsText } from './reasoning-details.ts'
import { toolCallDeltas } from './tool-call-delta.ts'
import { ToolCalls } from './tool-calls.ts'
import { WholeMessages } from './whole-messages.ts'
import { ReplyForm } from './wire-form.ts'

export interface DecoderOptions {
  warnings: SharedV4Warning[]
  metadataKey: string
  includeRawChunks: boolean
  /** `provider/model-id`. It marks content that must go back to this model only. */
  model: string
  errors: CallErrors
  /** Creates an id for a tool call without one. */
  newId: () => string
}

type Parts = LanguageModelV4StreamPart[]

/** Usage follows the finish reason at once, or never. */
const untilUsageMs = 1000
/** Only `[DONE]` or the end of the body follows the usage, so a long wait has no use. */
const afterUsageMs = 250
/** For a finish reason after which more of the answer is likely. */
const doubtfulReasonMs = 10_000

export class StreamDecoder {
  /** Whether the answer is known to be complete without a finish reason. @defaultValue false */
  isWhole = false

  readonly #options: DecoderOptions
  readonly #toolCalls: ToolCalls
  readonly #form: ReplyForm
  #hasStarted = false
  #isClosed = false
  #hasMetadata = false
  readonly #open: OpenPart
  #hasRefusal = false
  #hasFailed = false
  /** The last valid finish reason. */
  #rawReason: string | undefined
  #pieces = 0
  /** How many pieces had come when the finish reason came. */
  #piecesAtReason = 0
  #hasReasoningOnly = false
  /** Whether content came after a finish reason. */
  #goesOn = false
  #usage: JSONObject | undefined
  readonly #messages = new WholeMessages()

  constructor(options: DecoderOptions) {
    this.#options = options
    this.#form = new ReplyForm(options.model)
    this.#open = new OpenPart(this.#form)
    this.#toolCalls = new ToolCalls(options, this.#form)
  }

  /** Whether an event has arrived. Before the first one, a failure can still be a rejection. */
  get hasStarted(): boolean {
    return this.#hasStarted
  }

  /** Whether the last part has been returned. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * How long to wait for the rest of the stream, in milliseconds; undefined while the answer is not
   * complete. It changes only with content, so that pings cannot extend it.
   */
  get remainderMs(): number | undefined {
    if (!this.#hasFailed && this.#rawReason === undefined) return undefined
    // Some servers end the reasoning with a finish reason of its own, others send one with each delta.
    if ((this.#hasReasoningOnly || this.#goesOn) && !this.#hasFailed) return doubtfulReasonMs
    return this.#usage === undefined ? untilUsageMs : afterUsageMs
  }

  /** The count of content deltas. A delta after the finish reason extends the wait. */
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

  /** Adds the parts of one parsed event. */
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

  /** Ends the stream. An answer without a finish reason was cut off. */
  end(parts: Parts): void {
    this.#start(parts)
    this.#open.close(parts, this.#toolCalls.isEmpty ? this.#form.ofMessage : undefined)
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

  /** Ends the stream after the loss of its rest. Only an answer without an end fails by that. */
  breakOff(error: Error, parts: Parts): void {
    if (this.remainderMs === undefined) this.fail(error, parts)
    else this.end(parts)
  }

  /** Ends the stream with an error. Its tool calls are not returned, because they may be incomplete. */
  fail(error: Error, parts: Parts): void {
    this.#open.close(parts)
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

  #notJson(data: string, cause: unknown, parts: Parts): void {
    const values = valuesIn(data)
    if (values !== undefined) {
      for (const value of values) this.value(value, parts)
    } else if (isDone(data)) {
      this.end(parts)
    } else {
      this.#raw(undefined, parts)
      // After the finish reason it cannot be a part of the answer.
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
      this.#error(this.#options.errors.fromReport(error), parts)
      return
    }
    if (choice === undefined && chunk['choices'] === undefined && isFailureMessage(chunk)) {
      this.#error(this.#options.errors.fromReport(chunk), parts)
      return
    }
    if (!this.#hasMetadata) {
      const metadata = metadataIn(chunk)
      if (metadata !== undefined) parts.push(metadata)
      this.#hasMetadata = metadata !== undefined
    }
    const delta = choice?.['delta'] ?? this.#wholeDelta(choice)
    if (isRecord(delta)) this.#delta(delta, parts)
    const reason = finishReasonOf(chunk, choice)
    if (reason !== undefined && !this.#isClosed) this.#reason(reason, parts)
  }

  #wholeDelta(choice: JsonRecord | undefined): JsonRecord | undefined {
    return choice && this.#messages.deltaOf(choice, this.#pieces === 0)
  }

  #reason(reason: string, parts: Parts): void {
    if (finishMeaning(reason) === 'error') {
      this.#error(this.#options.errors.failedReason(reason), parts)
    }
    // Gateways end each stream with `stop`, also one that the model's server ended for its length.
    const known = this.#rawReason
    const isLesser = known !== undefined && this.#pieces === this.#piecesAtReason
    if (isLesser && isCutOff(finishMeaning(known)) && finishMeaning(reason) === 'stop') return
    this.#rawReason = reason
    this.#piecesAtReason = this.#pieces
  }

  #delta(delta: JsonRecord, parts: Parts): void {
    this.#form.note(delta)
    const reasoning =
      textOf(delta['reasoning_content']) ||
      textOf(delta['reasoning']) ||
      detailsText(delta['reasoning_details'])
    if (reasoning) this.#addDelta('reasoning', reasoning, parts)
    const { content, refusal } = delta
    if (typeof content === 'string') {
      if (content !== '') this.#addDelta('text', content, parts)
    } else if (content != null) {
      this.#contentParts(Array.isArray(content) ? content : [textOf(content) ?? content], parts)
    }
    if (typeof refusal === 'string' && refusal !== '') {
      this.#hasRefusal = true
      this.#addDelta('text', refusal, parts)
    }
    // `function_call` is the older form without ids. Its only call is the first.
    const toolCalls = delta['tool_calls'] ?? delta['function_call']
    if (toolCalls != null) this.#callDeltas(toolCalls, parts)
  }

  #callDeltas(toolCalls: unknown, parts: Parts): void {
    const deltas = toolCallDeltas(toolCalls)
    if (deltas.length === 0) return
    this.#pieces++
    this.#hasReasoningOnly = false
    if (this.#open.kind === 'reasoning') this.#open.close(parts)
    try {
      for (const toolCall of deltas) this.#toolCalls.add(toolCall, parts)
    } catch (error) {
      this.fail(this.#options.errors.badToolCall(error), parts)
    }
  }

  #contentParts(content: readonly unknown[], parts: Parts): void {
    for (const part of content) {
      const piece = partText(part)
      if (piece === undefined || piece.text === '') continue
      if (piece.type === 'reasoning') this.#form.noteThoughtPart()
      this.#addDelta(piece.type, piece.text, parts)
    }
  }

  #addDelta(kind: 'text' | 'reasoning', delta: string, parts: Parts): void {
    this.#pieces++
    if (this.#rawReason !== undefined) this.#goesOn = true
    if (this.#open.kind !== kind) {
      this.#hasReasoningOnly =
        kind === 'reasoning' && (this.#hasReasoningOnly || this.#pieces === 1)
    }
    this.#open.addDelta(kind, delta, parts)
  }

  #finish(parts: Parts): void {
    this.#isClosed = true
    parts.push({
      type: 'finish',
      finishReason: finishReasonIn(this.#rawReason, this.#hasRefusal),
      usage: usageOf(this.#usage),
      providerMetadata: { [this.#options.metadataKey]: predictionMetadata(this.#usage) },
    })
  }
}
