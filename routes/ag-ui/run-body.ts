/**
 * The body of a run. A client of AG-UI posts its whole history each time, and the session has it already. So of a message
 * before the last answer only the ids are kept, and its size does not matter. The limits apply to the new messages and
 * to the other fields.
 */
import type { Context } from 'hono'

import { Raw } from '../../src/ground/json/raw.ts'
import type { Span, ValuePosition } from '../../src/ground/json/scanner.ts'
import { OmittedValue } from '../../src/wire/conversation/omitted-value.ts'
import { bodyLimits, invalid, refusalOf } from '../body-limits.ts'
import { type BodyReader, readScanned } from '../body.ts'

export interface RunBodyOptions {
  /** The fields of a body. Others are not parsed. */
  fields: ReadonlySet<string>
  /** True if the texts before the new message may also be needed. */
  keepsHistory: boolean
}

/** @throws LoomError `invalid-request`, `payload-too-large` or `aborted` */
export function readRunBody(c: Context, options: RunBodyOptions): Promise<unknown> {
  return readScanned(c, new RunBody(options))
}

interface Message {
  id: unknown
  role: unknown
  content?: unknown
}

/** Bytes of one message that are kept in memory while it is read. */
const bufferMax = 4 * bodyLimits.messageBytes

class RunBody implements BodyReader {
  /** The deepest level is a field of a call in `toolCalls` of a message. */
  readonly levels = 5
  readonly #options: RunBodyOptions
  readonly #body: Record<string, unknown> = {}
  #root: unknown
  #isObject = true
  #slice: { bytes: Uint8Array; at: number } = { bytes: new Uint8Array(), at: 0 }
  /** The field or the message that is being scanned now. */
  #raw: Raw | undefined
  #messages: Message[] | undefined
  /** The place of the first message after the last answer. */
  #newFrom = 0
  /** Bytes of the messages that are kept. */
  #size = 0
  #small = new Map<string, unknown>()
  #calls: { id: unknown }[] = []

  constructor(options: RunBodyOptions) {
    this.#options = options
  }

  add(slice: Uint8Array, at: number): void {
    this.#slice = { bytes: slice, at }
    const raw = this.#raw
    if (raw !== undefined && raw.size <= bufferMax) raw.add(slice, at)
  }

  begin(level: number, at: ValuePosition): void {
    if (level === 0) this.#isObject = at.byte === openBrace
    const name = at.keys[1] ?? ''
    if (level === 1 && name === '__proto__') throw invalid('The body has a key named "__proto__".')
    const isList = level === 1 && name === 'messages' && at.byte === openBracket
    if (isList) this.#messages = []
    const isMessage = level === 2 && name === 'messages' && this.#messages !== undefined
    const isField = level === 1 && !isList && this.#options.fields.has(name)
    if (isMessage || isField || (level === 0 && !this.#isObject)) this.#raw = this.#rawAt(at)
  }

  end(level: number, span: Span, { keys }: ValuePosition): void {
    if (!this.#isObject) {
      if (level === 0) this.#root = this.#parsed(span, 'The body')
      return
    }
    const name = keys[1] ?? ''
    const inMessage = name === 'messages' && this.#messages !== undefined
    if (level === 1) this.#endField(name, span, inMessage)
    else if (inMessage && level === 2) this.#endMessage(span)
    else if (inMessage && level === 3) this.#endMessageField(keys[3] ?? '', span)
    else if (inMessage && level === 5 && keys[3] === 'toolCalls' && keys[5] === 'id') {
      this.#calls.push({ id: this.#smallValue(span) })
    }
  }

  #endField(name: string, span: Span, isMessages: boolean): void {
    // Unsafe keys and deep nesting are a fault in every field.
    const refusal = refusalOf({ ...span, values: 0, escapes: 0 }, 'The body', Infinity)
    if (refusal !== undefined) throw refusal
    if (!isMessages && this.#options.fields.has(name)) this.#body[name] = this.#parsed(span, name)
  }

  #endMessageField(name: string, span: Span): void {
    if (smallFields.has(name)) this.#small.set(name, this.#smallValue(span))
  }

  #endMessage(span: Span): void {
    const messages = this.#messages ?? []
    if (messages.length === bodyLimits.messages) {
      throw invalid(`messages holds more than ${bodyLimits.messages} messages.`)
    }
    const [id, role] = [this.#small.get('id'), this.#small.get('role')]
    const toolCallId = this.#small.get('toolCallId')
    const ids = { id, role, ...(toolCallId !== undefined && { toolCallId }) }
    const isAnswer = role === 'assistant' || role === 'reasoning' || role === 'activity'
    const isKept = this.#options.keepsHistory
    const message = isAnswer && !isKept ? ids : this.#whole(span, ids, messages.length)
    if (role === 'assistant') {
      messages.push({ ...message, ...(this.#calls.length > 0 && { toolCalls: this.#calls }) })
      if (!isKept) {
        for (const old of messages.slice(this.#newFrom)) withoutContent(old)
        this.#size = 0
      }
      this.#newFrom = messages.length
    } else messages.push(message)
    this.#raw = undefined
    this.#small = new Map()
    this.#calls = []
  }

  /** The parsed message, or its ids if it is beyond the limits. It is refused only where it would be used. */
  #whole(span: Span, ids: Message, index: number): Message {
    this.#size += span.end - span.start
    const refusal =
      refusalOf(span, `messages[${index}]`, bodyLimits.messageBytes) ??
      refusalOf({ ...span, start: 0, end: this.#size }, 'messages', bodyLimits.bodyBytes / 8)
    if (refusal !== undefined) return { ...ids, content: new OmittedValue(refusal) }
    const value: unknown = this.#raw?.parse(span)
    return typeof value === 'object' && value !== null ? { ...ids, ...value } : ids
  }

  #rawAt({ offset }: ValuePosition): Raw {
    const raw = new Raw(offset)
    raw.add(this.#slice.bytes, this.#slice.at)
    return raw
  }

  #parsed(span: Span, name: string): unknown {
    const refusal = refusalOf(span, name, bodyLimits.messageBytes)
    if (refusal !== undefined) throw refusal
    const value = this.#raw?.parse(span)
    this.#raw = undefined
    return value
  }

  /** Parses a short value, such as an id. Returns undefined for a longer one. */
  #smallValue(span: Span): unknown {
    const isSmall = span.end - span.start <= 4096 && span.depth <= bodyLimits.depth
    const isInMemory = this.#raw !== undefined && span.end <= this.#raw.start + this.#raw.size
    return isSmall && isInMemory ? this.#raw?.parse(span) : undefined
  }

  value(): unknown {
    if (!this.#isObject) return this.#root
    return { ...this.#body, ...(this.#messages !== undefined && { messages: this.#messages }) }
  }
}

/** The instructions of the client are not in the session. */
function withoutContent(message: Message): void {
  if (message.role !== 'system' && message.role !== 'developer') message.content = ''
}

const smallFields = new Set(['id', 'role', 'toolCallId'])

const openBracket = 0x5b
const openBrace = 0x7b
