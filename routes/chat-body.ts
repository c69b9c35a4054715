/**
 * The body of a posted chat. `useChat` posts all of its history each time, of which only the last
 * message can be new. So the history is scanned and passed over, whatever its size, and limits hold for
 * the last message and for the other fields.
 */
import type { Context } from 'hono'

import { Raw } from '../src/ground/json/raw.ts'
import type { ValuePosition, Span } from '../src/ground/json/scanner.ts'
import { bodyLimits, invalid, refusalOf } from './body-limits.ts'
import { type BodyReader, readScanned } from './body.ts'
import { PostedMessage } from './posted-message.ts'

export interface ChatBodyOptions {
  /** The fields that are read; others are passed over. */
  fields: ReadonlySet<string>
  /** Whether messages before the last may matter as well. */
  keepsHistory: boolean
}

/**
 * The object that was posted, with the fields that are read. `messages` ends with the last message that
 * is no system message. Before it stand holes, or where it is kept and within the limits the history.
 * `isAnswered` says whether it holds an assistant message behind a user message.
 * @throws LoomError `invalid-request`, `payload-too-large` or `aborted`
 */
export function readChatBody(c: Context, options: ChatBodyOptions): Promise<unknown> {
  return readScanned(c, new ChatBody(options))
}

class ChatBody implements BodyReader {
  /** Down to the fields of the parts of `messages`. */
  readonly levels = 5
  readonly #options: ChatBodyOptions
  readonly #body: Record<string, unknown> = {}
  #root: unknown
  #isObject = true
  /** What is under way: a field, or a message. */
  #field: Raw | undefined
  #message: PostedMessage | undefined
  #list: PostedList | undefined
  #single: PostedMessage | undefined

  constructor(options: ChatBodyOptions) {
    this.#options = options
  }

  add(slice: Uint8Array, at: number): void {
    // What begins in this slice takes its part of it when it begins.
    this.#slice = { bytes: slice, at }
    this.#message?.add(slice, at)
    // The rest of one that is too large is only measured.
    const field = this.#field
    if (field !== undefined && field.size <= bodyLimits.messageBytes) field.add(slice, at)
  }
  #slice: { bytes: Uint8Array; at: number } = { bytes: new Uint8Array(), at: 0 }

  begin(level: number, at: ValuePosition): void {
    if (level === 0) {
      this.#isObject = at.byte === 0x7b
      if (!this.#isObject) this.#field = this.#rawAt(at)
    }
    if (!this.#isObject || level === 0) return
    const name = at.keys[1] ?? ''
    if (level === 1) this.#beginField(name, at)
    else if (level === 2 && name === 'messages' && this.#list !== undefined) {
      this.#message = new PostedMessage(this.#rawAt(at), { level, name: this.#list.nameOfNext })
    }
  }

  #beginField(name: string, at: ValuePosition): void {
    if (name === '__proto__') throw invalid('The body has a key named "__proto__".')
    if (name === 'messages' && at.byte === openBracket) {
      this.#list = new PostedList(this.#options.keepsHistory)
    } else if (name === 'message' && at.byte === openBrace) {
      this.#message = new PostedMessage(this.#rawAt(at), { level: 1, name })
    } else if (this.#options.fields.has(name)) this.#field = this.#rawAt(at)
  }

  end(level: number, span: Span, at: ValuePosition): void {
    if (!this.#isObject) {
      if (level === 0) this.#root = this.#parsed(span, 'The body')
      return
    }
    if (level === 0) return
    const name = at.keys[1] ?? ''
    const message = this.#message
    if (message !== undefined && level > message.level) return message.end(level, span, at)
    if (message !== undefined && level === message.level) {
      this.#message = undefined
      message.close(span)
      if (level === 1) this.#single = message
      else this.#list?.add(message)
    }
    if (level === 1) this.#endField(name, span)
  }

  #endField(name: string, span: Span): void {
    const isList = name === 'messages' && this.#list !== undefined && this.#field === undefined
    const isSingle = name === 'message' && this.#single !== undefined && this.#field === undefined
    if (isList || isSingle) return
    // What is passed over may be large, but not what no client sends.
    const refusal = refusalOf({ ...span, values: 0, escapes: 0 }, 'The body', Infinity)
    if (refusal !== undefined) throw refusal
    if (this.#field === undefined) return
    if (name === 'messages') this.#list = undefined
    if (name === 'message') this.#single = undefined
    this.#body[name] = this.#parsed(span, name)
  }

  #rawAt({ offset }: ValuePosition): Raw {
    const raw = new Raw(offset)
    raw.add(this.#slice.bytes, this.#slice.at)
    return raw
  }

  #parsed(span: Span, name: string): unknown {
    const bytesMax = name === 'message' ? bodyLimits.messageBytes : bodyLimits.fieldBytes
    const refusal = refusalOf(span, name, bytesMax)
    if (refusal !== undefined) throw refusal
    const value = this.#field?.parse(span)
    this.#field = undefined
    return value
  }

  value(): unknown {
    if (!this.#isObject) return this.#root
    return {
      ...this.#body,
      isAnswered: this.#list?.isAnswered ?? false,
      ...(this.#list !== undefined && { messages: this.#list.value() }),
      ...(this.#single !== undefined && { message: this.#single.value() }),
    }
  }
}

/** `messages`: the last one that is no system message, and what is before it where that is kept. */
class PostedList {
  #count = 0
  #last: { message: PostedMessage; index: number } | undefined
  /** Undefined where it is not kept, or too much of it came. */
  #history: { message: PostedMessage; index: number }[] | undefined
  #size = 0
  #values = 0
  #isAsked = false
  #isAnswered = false

  constructor(keepsHistory: boolean) {
    this.#history = keepsHistory ? [] : undefined
  }

  /** Whether an assistant message stands behind a user message. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  get nameOfNext(): string {
    return `messages[${this.#count}]`
  }

  add(message: PostedMessage): void {
    const index = this.#count++
    if (this.#count > bodyLimits.messages) {
      throw invalid(`messages holds more than ${bodyLimits.messages} messages.`)
    }
    if (message.role === 'user') this.#isAsked = true
    if (message.role === 'assistant') this.#isAnswered ||= this.#isAsked
    if (message.isSystem && this.#last !== undefined) return
    this.#keepLast()
    this.#last = { message, index }
  }

  /** What was the last one is history now. */
  #keepLast(): void {
    const last = this.#last
    if (last === undefined || this.#history === undefined || last.message.isSystem) return
    this.#size += last.message.size
    this.#values += last.message.values
    const isMuch = this.#values > bodyLimits.values || last.message.refusal !== undefined
    if (this.#size <= bodyLimits.messageBytes && !isMuch) this.#history.push(last)
    // The session may be known, and then nobody asks for it.
    else this.#history = undefined
  }

  value(): unknown[] {
    const last = this.#last
    if (last === undefined) return []
    // Instructions are the server's: of a system message only its place is kept.
    const isKept = this.#history !== undefined
    const messages: unknown[] = Array.from({ length: isKept ? last.index : 0 }, systemMessage)
    messages.length = last.index
    for (const { message, index } of this.#history ?? []) messages[index] = message.value()
    messages[last.index] = last.message.value()
    return messages
  }
}

const systemMessage = () => ({ role: 'system' })

const openBracket = 0x5b
const openBrace = 0x7b
