/**
 * The text and the reasoning of one reply: its open parts, and their deltas as events. This is the
 * per-token path: a delta changes one open part and emits one event.
 */
import type { ProviderMetadata } from '../event.ts'
import type { Sink } from '../sink.ts'
import { withMetadata, withOptions } from './content.ts'

interface OpenPart {
  type: 'text' | 'reasoning'
  /** The model's id of the part. Its next reply may use the same id. */
  sourceId: string
  /** Loom's id, unique in the message. */
  id: string
  /** A text part starts with its first delta, because an empty part would show on the screen. */
  started: boolean
  /**
   * The first half of a character (a high surrogate) whose second half has not arrived. Sent alone it
   * would be lost where text becomes bytes: in a terminal, a plain-text answer, a store.
   */
  half: string
  content: { type: 'text' | 'reasoning'; text: string; providerOptions?: ProviderMetadata }
}

interface PartEnd {
  type: 'text-end' | 'reasoning-end'
  id: string
  providerMetadata?: ProviderMetadata
}

interface PartStart {
  id: string
  providerMetadata?: ProviderMetadata
}

interface PartDelta {
  id: string
  delta: string
  providerMetadata?: ProviderMetadata
}

export interface TextPartsOptions {
  emit: Sink
  /** Makes part ids unique in the message, for instance `s2`. */
  prefix: string
  /** Receives the content of each part that starts. */
  onStart: (content: OpenPart['content']) => void
}

export class TextParts {
  readonly #emit: Sink
  readonly #prefix: string
  readonly #onStart: TextPartsOptions['onStart']
  readonly #parts: OpenPart[] = []
  #count = 0
  /** True after the end. Then deltas are ignored, because a slow sink may have held one back. */
  #isClosed = false

  constructor({ emit, prefix, onStart }: TextPartsOptions) {
    this.#emit = emit
    this.#prefix = prefix
    this.#onStart = onStart
  }

  /** Opens a part. Reasoning starts at once, because it may stay without text. */
  begin(type: OpenPart['type'], { id, providerMetadata }: PartStart): void | Promise<void> {
    const open = this.#open(type, id, providerMetadata)
    return type === 'reasoning' ? this.#start(open) : undefined
  }

  /** Ends every part that is open. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const part of this.#parts.splice(0)) await this.#finish(part, undefined)
  }

  /** Removes every open part. */
  withdraw(): void {
    this.#isClosed = true
    this.#parts.length = 0
  }

  /** Adds a complete text, also after `close`. */
  async addText(text: string): Promise<void> {
    const part = this.#open('text', 'said')
    part.content.text = text
    await this.#start(part)
    await this.#emit({ type: 'text-delta', id: part.id, delta: text })
    await this.end({ type: 'text-end', id: 'said' })
  }

  #open(type: OpenPart['type'], sourceId: string, metadata?: ProviderMetadata): OpenPart {
    const open: OpenPart = {
      type,
      sourceId,
      id: `${this.#prefix}-${type === 'text' ? 't' : 'r'}${this.#count++}`,
      started: false,
      half: '',
      content: { type, text: '', ...withOptions(metadata) },
    }
    this.#parts.push(open)
    return open
  }

  /** Rarely more than one part is open, so this is cheaper than a map. */
  #find(type: OpenPart['type'], sourceId: string): OpenPart | undefined {
    for (const open of this.#parts)
      if (open.type === type && open.sourceId === sourceId) return open
    return undefined
  }

  #start(open: OpenPart): void | Promise<void> {
    open.started = true
    this.#onStart(open.content)
    const { providerOptions } = open.content
    return this.#emit({ type: `${open.type}-start`, id: open.id, ...withMetadata(providerOptions) })
  }

  /** Adds a delta. Opens the part if no `begin` did. */
  delta(type: OpenPart['type'], part: PartDelta): void | Promise<void> {
    if (part.delta === '' && part.providerMetadata === undefined) return undefined
    const open = this.#find(type, part.id) ?? this.#open(type, part.id)
    const wait = open.started ? undefined : this.#start(open)
    return wait === undefined ? this.#add(open, part) : wait.then(() => this.#add(open, part))
  }

  #add(open: OpenPart, { delta, providerMetadata }: PartDelta): void | Promise<void> {
    if (this.#isClosed) return undefined
    const whole = open.half === '' ? delta : open.half + delta
    const isHalf = (whole.charCodeAt(whole.length - 1) & 0xfc00) === 0xd800
    open.half = isHalf ? whole.slice(-1) : ''
    const text = isHalf ? whole.slice(0, -1) : whole
    if (text === '' && providerMetadata === undefined) return undefined
    return this.#send(open, text, providerMetadata)
  }

  #send(open: OpenPart, delta: string, providerMetadata?: ProviderMetadata): void | Promise<void> {
    open.content.text += delta
    const type = open.type === 'text' ? 'text-delta' : 'reasoning-delta'
    if (providerMetadata === undefined) return this.#emit({ type, id: open.id, delta })
    open.content.providerOptions = providerMetadata
    return this.#emit({ type, id: open.id, delta, providerMetadata })
  }

  /** Ends one part, if it is open. */
  end(part: PartEnd): void | Promise<void> {
    const open = this.#find(part.type === 'text-end' ? 'text' : 'reasoning', part.id)
    if (open === undefined) return undefined
    this.#parts.splice(this.#parts.indexOf(open), 1)
    return this.#finish(open, part.providerMetadata)
  }

  #finish(open: OpenPart, metadata: ProviderMetadata | undefined): void | Promise<void> {
    if (metadata !== undefined) open.content.providerOptions = metadata
    if (!open.started) return undefined
    if (open.half === '') return this.#emitEnd(open, metadata)
    // The second half never arrived.
    open.half = ''
    const wait = this.#send(open, '\uFFFD')
    return wait === undefined
      ? this.#emitEnd(open, metadata)
      : wait.then(() => this.#emitEnd(open, metadata))
  }

  #emitEnd(open: OpenPart, metadata: ProviderMetadata | undefined): void | Promise<void> {
    return this.#emit({ type: `${open.type}-end`, id: open.id, ...withMetadata(metadata) })
  }
}
