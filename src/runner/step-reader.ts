/**
 * Reads one reply of a model. Its parts go out as events at once, and form the content of the assistant
 * message. Every token passes here, and then through `text-parts.ts`.
 */
import type { LanguageModelV4StreamPart, LanguageModelV4Usage } from '@ai-sdk/provider'

import type { FinishReason } from '../event.ts'
import type { Clock } from '../ground/clock.ts'
import type { LoomError } from '../ground/error.ts'
import type { PauseMeter } from '../ground/pause-meter.ts'
import type { PartReceiver } from '../model.ts'
import { finishMeaning, finishReasonIn } from '../model/finish-reason.ts'
import type { Sink } from '../sink.ts'
import { noSpending, type Spending } from '../spending.ts'
import { noUsage, type Usage, usageOf } from '../usage.ts'
import type { CallIds } from './call-ids.ts'
import { type ContentPart, fileUrl, sourceEvent, withMetadata, withOptions } from './content.ts'
import { isDelta, joinRun, runLength } from './delta-run.ts'
import { ProviderCalls } from './provider-calls.ts'
import { modelError } from './retry.ts'
import { TextParts } from './text-parts.ts'
import { type ToolCall, ToolInputs } from './tool-inputs.ts'
import type { ToolTable } from './tool-table.ts'

export interface StepReaderOptions {
  emit: Sink
  clock: Clock
  tools: ToolTable
  /** Makes part ids unique in the message, for instance `s2`. */
  prefix: string
  /** Gives calls ids that are new in the conversation. */
  callIds: CallIds
  /** US dollars. @defaultValue the cost is not known */
  priceOf?: ((usage: LanguageModelV4Usage) => number | undefined) | undefined
  /** Measures the pauses of the reply. @defaultValue nothing measures them */
  meter?: PauseMeter | undefined
}

export class StepReader {
  readonly content: ContentPart[] = []
  finishReason: FinishReason | undefined
  usage: Usage = noUsage
  /** The first `error` part, if there was one. */
  failure: LoomError | undefined
  /** Time of the first text, reasoning or call; milliseconds of `Clock.elapsed`. */
  firstContentAt: number | undefined

  readonly #emit: Sink
  readonly #clock: Clock
  readonly #priceOf: StepReaderOptions['priceOf']
  readonly #meter: PauseMeter | undefined
  readonly #inputs: ToolInputs
  readonly #providerCalls: ProviderCalls
  readonly #texts: TextParts
  /** After the end, parts are ignored, also those that a slow sink held back. */
  #closed = false
  /** US dollars. */
  #cost: number | undefined
  /** Whether the model had sent content before another text took the place of its reply. */
  #hadContent: boolean | undefined

  constructor(options: StepReaderOptions) {
    this.#emit = options.emit
    this.#clock = options.clock
    this.#priceOf = options.priceOf
    this.#meter = options.meter
    const { content } = this
    this.#texts = new TextParts({
      ...options,
      onStart: (part) => {
        content.push(part)
        this.firstContentAt ??= options.clock.elapsed()
      },
    })
    this.#providerCalls = new ProviderCalls({ ...options, content })
    this.#inputs = new ToolInputs({ ...options, content, providerCalls: this.#providerCalls })
  }

  get text(): string {
    return this.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  }

  /** The calls that Loom settles. */
  get calls(): readonly ToolCall[] {
    return this.#inputs.calls
  }

  /** Whether the provider waits for approvals of its own tools. */
  get waitsForApproval(): boolean {
    return this.#providerCalls.approvalCount > 0
  }

  /** Whether the reply has a regular end, so that no part of it is asked for again. */
  get #hasEnded(): boolean {
    const { failure, finishReason } = this
    return failure === undefined && finishReason !== undefined && finishReason !== 'error'
  }

  /** Whether a reader has received content of this reply. */
  get hasContent(): boolean {
    return this.firstContentAt !== undefined
  }

  /** A call that failed before its first content has no cost. If it broke off, the cost is unknown. */
  get spending(): Spending {
    const { usage } = this
    if (this.#cost !== undefined) return { usage, usd: this.#cost, isCostKnown: true }
    const isCostKnown = usage.totalTokens === 0 && !(this.#hadContent ?? this.hasContent)
    return isCostKnown ? noSpending : { usage, usd: 0, isCostKnown }
  }

  readonly receive: PartReceiver = (parts) => {
    const at = this.#meter === undefined ? 0 : this.#clock.elapsed()
    const wait = this.#receiveFrom(parts, 0)
    const [first] = parts
    // A ping brings nothing that a reader sees.
    if (this.hasContent && first !== undefined && first.type !== 'ping') this.#meter?.note(at)
    return wait
  }

  /** Ends the open parts of a broken or finished stream, so that no reader keeps an open part. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#texts.close()
    await this.#inputs.close()
  }

  /** Removes all content. The reader of the events was sent `reset-step`. */
  withdraw(): void {
    this.#closed = true
    this.#texts.withdraw()
    this.content.length = 0
    this.#inputs.withdraw()
    this.#providerCalls.withdraw()
  }

  /** Adds a text that is not from the model. */
  async addText(text: string): Promise<void> {
    await this.close()
    this.#hadContent = this.hasContent
    await this.#texts.addText(text)
  }

  #receiveFrom(parts: readonly LanguageModelV4StreamPart[], from: number): void | Promise<void> {
    for (let index = from; index < parts.length; index++) {
      let part = parts[index]
      if (part === undefined || this.#closed) return undefined
      // After a failure only the cost matters.
      if (this.failure !== undefined && part.type !== 'finish') continue
      const length = isDelta(part) ? runLength(parts, index) : 1
      if (length > 1 && isDelta(part)) part = joinRun(parts, part, { index, length })
      index += length - 1
      const wait = this.#take(part)
      if (wait !== undefined) return wait.then(() => this.#receiveFrom(parts, index + 1))
    }
    return undefined
  }

  #take(part: LanguageModelV4StreamPart): void | Promise<void> {
    switch (part.type) {
      case 'text-delta':
        return this.#texts.delta('text', part)
      case 'reasoning-delta':
        return this.#texts.delta('reasoning', part)
      case 'text-start':
        return this.#texts.begin('text', part)
      case 'reasoning-start':
        return this.#texts.begin('reasoning', part)
      case 'text-end':
      case 'reasoning-end':
        return this.#texts.end(part)
      case 'tool-input-delta':
        return this.#inputs.delta(part)
      case 'finish':
        this.usage = usageOf(part.usage)
        this.#cost = this.#priceOf?.(part.usage)
        this.finishReason = finishReasonOf(part.finishReason)
        return this.#hasEnded ? this.#inputs.end(this.finishReason) : undefined
      case 'error':
        this.failure ??= modelError(part.error)
        return undefined
      case 'tool-input-end':
      case 'stream-start':
      case 'response-metadata':
      case 'raw':
      case 'ping':
        return undefined
      default:
        this.firstContentAt ??= this.#clock.elapsed()
        return this.#whole(part)
    }
  }

  // Parts that arrive complete

  #whole(part: WholePart): void | Promise<void> {
    switch (part.type) {
      case 'tool-input-start':
        return this.#inputs.start(part)
      case 'tool-call':
        return this.#inputs.call(part)
      case 'tool-result':
        return this.#providerCalls.result(part)
      case 'tool-approval-request':
        return this.#providerCalls.approval(part)
      case 'source':
        return this.#emit(sourceEvent(part))
      case 'custom': {
        const { type, kind, providerMetadata } = part
        this.content.push({ type, kind, ...withOptions(providerMetadata) })
        return this.#emit({ type, kind, ...withMetadata(providerMetadata) })
      }
      case 'file':
      case 'reasoning-file': {
        const { type, mediaType, data, providerMetadata } = part
        this.content.push({ type, mediaType, data, ...withOptions(providerMetadata) })
        return this.#emit({
          type,
          mediaType,
          url: fileUrl(part),
          ...withMetadata(providerMetadata),
        })
      }
    }
  }
}

type WholePart = Extract<
  LanguageModelV4StreamPart,
  {
    type:
      | 'tool-input-start'
      | 'tool-call'
      | 'tool-result'
      | 'tool-approval-request'
      | 'source'
      | 'custom'
      | 'file'
      | 'reasoning-file'
  }
>

/**
 * The finish reason of a reply. Undefined if the reply ended without one, so that it was cut off; the
 * AI SDK calls that `interrupted`. Packages know only the finish reasons of their own provider and
 * report `other` for the rest. Then the provider's own word decides.
 */
function finishReasonOf({ unified, raw }: FinishPart['finishReason']): FinishReason | undefined {
  if (unified === 'interrupted') return undefined
  if (unified !== 'other' || raw === undefined) return unified
  const word = finishReasonIn(raw)
  const meaning = word === undefined ? undefined : finishMeaning(word)
  return meaning === 'interrupted' ? undefined : meaning
}

type FinishPart = Extract<LanguageModelV4StreamPart, { type: 'finish' }>
