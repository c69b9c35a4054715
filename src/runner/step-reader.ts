/**
 * Reads one reply of a model: its parts go out as events at once, and gather into the content of the
 * assistant message. This is the per-token path: a text delta touches one open part and one event.
 */
import type { LanguageModelV4StreamPart, LanguageModelV4Usage } from '@ai-sdk/provider'

import type { FinishReason, ProviderMetadata } from '../event.ts'
import type { LoomError } from '../ground/error.ts'
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
import { type ToolCall, ToolInputs } from './tool-inputs.ts'
import type { ToolTable } from './tool-table.ts'

interface OpenPart {
  type: 'text' | 'reasoning'
  /** The model's id of the part, which it may use again in its next reply. */
  sourceId: string
  /** Ours, unique in the message. */
  id: string
  /** Text goes out from its first delta on: an empty part would be one more thing on the screen. */
  started: boolean
  /**
   * The first half of a character (a high surrogate) whose second half has not come. Told alone it would
   * be lost wherever text becomes bytes: in a terminal, a plain-text answer, a store.
   */
  half: string
  content: { type: 'text' | 'reasoning'; text: string; providerOptions?: ProviderMetadata }
}

interface PartEnd {
  type: 'text-end' | 'reasoning-end'
  id: string
  providerMetadata?: ProviderMetadata
}

interface PartDelta {
  id: string
  delta: string
  providerMetadata?: ProviderMetadata
}

export interface StepReaderOptions {
  emit: Sink
  tools: ToolTable
  /** Makes part ids unique in the message, for instance `s2`. */
  prefix: string
  /** Gives calls ids that the conversation has not used yet. */
  callIds: CallIds
  /** US dollars, where they can be known. @defaultValue they cannot */
  priceOf?: ((usage: LanguageModelV4Usage) => number | undefined) | undefined
}

export class StepReader {
  readonly content: ContentPart[] = []
  finishReason: FinishReason | undefined
  usage: Usage = noUsage
  /** The first `error` part, if there was one. */
  failure: LoomError | undefined
  /** When the first word, thought or call came; milliseconds on the monotonic clock. */
  firstContentAt: number | undefined

  readonly #emit: Sink
  readonly #priceOf: StepReaderOptions['priceOf']
  readonly #prefix: string
  readonly #inputs: ToolInputs
  readonly #providerCalls: ProviderCalls
  readonly #open: OpenPart[] = []
  #partCount = 0
  /** From here on the model is not listened to: what a slow sink held back is not told any more. */
  #closed = false
  /** US dollars. */
  #cost: number | undefined
  /** Whether the model had said anything before something was said in its place. */
  #heard: boolean | undefined

  constructor(options: StepReaderOptions) {
    this.#emit = options.emit
    this.#priceOf = options.priceOf
    this.#prefix = options.prefix
    const { content } = this
    this.#providerCalls = new ProviderCalls({ ...options, content })
    this.#inputs = new ToolInputs({ ...options, content, providerCalls: this.#providerCalls })
  }

  get text(): string {
    return this.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  }

  /** The calls that are ours to settle. */
  get calls(): readonly ToolCall[] {
    return this.#inputs.calls
  }

  /** True when the provider waits for approvals of its own tools. */
  get waitsForApproval(): boolean {
    return this.#providerCalls.approvalsAsked > 0
  }

  /** Whether the reply came to an end of its own, so that nothing of it is asked for again. */
  get #hasEnded(): boolean {
    const { failure, finishReason } = this
    return failure === undefined && finishReason !== undefined && finishReason !== 'error'
  }

  /** Whether a reader has seen anything of this reply. */
  get seen(): boolean {
    return this.firstContentAt !== undefined
  }

  /** A call that failed before its first word costs nothing; of one that broke off nobody knows. */
  get spending(): Spending {
    const { usage } = this
    if (this.#cost !== undefined) return { usage, usd: this.#cost, isCostKnown: true }
    const isCostKnown = usage.totalTokens === 0 && !(this.#heard ?? this.seen)
    return isCostKnown ? noSpending : { usage, usd: 0, isCostKnown }
  }

  readonly receive: PartReceiver = (parts) => this.#receiveFrom(parts, 0)

  /** Ends what a broken or finished stream left open, so that no reader keeps a dangling part. */
  async close(): Promise<void> {
    this.#closed = true
    for (const part of this.#open.splice(0)) await this.#endPart(part, undefined)
    await this.#inputs.close()
  }

  /** Forgets everything: the reader was told to do the same. */
  withdraw(): void {
    this.#closed = true
    this.#open.length = 0
    this.content.length = 0
    this.#inputs.withdraw()
    this.#providerCalls.withdraw()
  }

  /** Adds a text that is not the model's. */
  async say(text: string): Promise<void> {
    await this.close()
    this.#heard = this.seen
    const part = this.#openPart('text', 'said')
    part.content.text = text
    await this.#start(part)
    await this.#emit({ type: 'text-delta', id: part.id, delta: text })
    await this.#end({ type: 'text-end', id: 'said' })
  }

  #receiveFrom(parts: readonly LanguageModelV4StreamPart[], from: number): void | Promise<void> {
    for (let index = from; index < parts.length; index++) {
      let part = parts[index]
      if (part === undefined || this.#closed) return undefined
      // Only what it cost is of interest then.
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
        return this.#delta('text', part)
      case 'reasoning-delta':
        return this.#delta('reasoning', part)
      case 'text-start':
        this.#openPart('text', part.id, part.providerMetadata)
        return undefined
      case 'reasoning-start':
        return this.#start(this.#openPart('reasoning', part.id, part.providerMetadata))
      case 'text-end':
      case 'reasoning-end':
        return this.#end(part)
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
        this.firstContentAt ??= performance.now()
        return this.#whole(part)
    }
  }

  // Text and reasoning

  #openPart(type: OpenPart['type'], sourceId: string, metadata?: ProviderMetadata): OpenPart {
    const open: OpenPart = {
      type,
      sourceId,
      id: `${this.#prefix}-${type === 'text' ? 't' : 'r'}${this.#partCount++}`,
      started: false,
      half: '',
      content: { type, text: '', ...withOptions(metadata) },
    }
    this.#open.push(open)
    return open
  }

  /** Seldom more than one part is open, so this is cheaper than any map. */
  #find(type: OpenPart['type'], sourceId: string): OpenPart | undefined {
    for (const open of this.#open) if (open.type === type && open.sourceId === sourceId) return open
    return undefined
  }

  #start(open: OpenPart): void | Promise<void> {
    open.started = true
    this.content.push(open.content)
    this.firstContentAt ??= performance.now()
    const { providerOptions } = open.content
    return this.#emit({ type: `${open.type}-start`, id: open.id, ...withMetadata(providerOptions) })
  }

  #delta(type: OpenPart['type'], part: PartDelta): void | Promise<void> {
    if (part.delta === '' && part.providerMetadata === undefined) return undefined
    const open = this.#find(type, part.id) ?? this.#openPart(type, part.id)
    const wait = open.started ? undefined : this.#start(open)
    return wait === undefined ? this.#add(open, part) : wait.then(() => this.#add(open, part))
  }

  #add(open: OpenPart, { delta, providerMetadata }: PartDelta): void | Promise<void> {
    if (this.#closed) return undefined
    const whole = open.half === '' ? delta : open.half + delta
    const isHalf = (whole.charCodeAt(whole.length - 1) & 0xfc00) === 0xd800
    open.half = isHalf ? whole.slice(-1) : ''
    const text = isHalf ? whole.slice(0, -1) : whole
    if (text === '' && providerMetadata === undefined) return undefined
    return this.#tell(open, text, providerMetadata)
  }

  #tell(open: OpenPart, delta: string, providerMetadata?: ProviderMetadata): void | Promise<void> {
    open.content.text += delta
    const type = open.type === 'text' ? 'text-delta' : 'reasoning-delta'
    if (providerMetadata === undefined) return this.#emit({ type, id: open.id, delta })
    open.content.providerOptions = providerMetadata
    return this.#emit({ type, id: open.id, delta, providerMetadata })
  }

  #end(part: PartEnd): void | Promise<void> {
    const open = this.#find(part.type === 'text-end' ? 'text' : 'reasoning', part.id)
    if (open === undefined) return undefined
    this.#open.splice(this.#open.indexOf(open), 1)
    return this.#endPart(open, part.providerMetadata)
  }

  #endPart(open: OpenPart, metadata: ProviderMetadata | undefined): void | Promise<void> {
    if (metadata !== undefined) open.content.providerOptions = metadata
    if (!open.started) return undefined
    if (open.half === '') return this.#emitEnd(open, metadata)
    // The other half never came.
    open.half = ''
    const wait = this.#tell(open, '\uFFFD')
    return wait === undefined
      ? this.#emitEnd(open, metadata)
      : wait.then(() => this.#emitEnd(open, metadata))
  }

  #emitEnd(open: OpenPart, metadata: ProviderMetadata | undefined): void | Promise<void> {
    return this.#emit({ type: `${open.type}-end`, id: open.id, ...withMetadata(metadata) })
  }

  // Parts that come whole

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
 * The finish reason of a reply; undefined where it ended without saying why, so that it was cut off:
 * `interrupted` is the AI SDK's word for that. Packages know the words of their own provider only and
 * call the rest `other`, so that the provider's word decides there.
 */
function finishReasonOf({ unified, raw }: FinishPart['finishReason']): FinishReason | undefined {
  if (unified === 'interrupted') return undefined
  if (unified !== 'other' || raw === undefined) return unified
  const word = finishReasonIn(raw)
  const meaning = word === undefined ? undefined : finishMeaning(word)
  return meaning === 'interrupted' ? undefined : meaning
}

type FinishPart = Extract<LanguageModelV4StreamPart, { type: 'finish' }>
