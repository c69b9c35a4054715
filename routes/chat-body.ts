/**
 * The body of a posted chat. `useChat` posts its whole history each time, and only the last message
 * can be new. So the history is scanned but not parsed, and its size does not matter. The limits apply to the
 * last message and to the other fields.
 */
import type { Context } from 'hono'

import { Raw } from '../src/ground/json/raw.ts'
import type { ValuePosition, Span } from '../src/ground/json/scanner.ts'
import { bodyLimits, invalid, refusalOf } from './body-limits.ts'
import { type BodyReader, readBytes, readScanned } from './body.ts'
import { unknownBodyField } from './known-fields.ts'
import { PostedList } from './posted-list.ts'
import { PostedMessage } from './posted-message.ts'

export interface ChatBodyOptions {
  /** The fields that a body may have. */
  fields: ReadonlySet<string>
  /** True if messages before the last one may also be needed. */
  keepsHistory: boolean
  /** True leaves other fields out instead of refusing the body. @defaultValue false */
  skipsOthers?: boolean
}

/**
 * Reads a posted object with the fields in `options.fields`. `messages` ends with its last message
 * that is not a system message. The places before it are empty, unless the history is kept and is
 * within the limits. `isAnswered` is true if `messages` has an assistant message after a user
 * message.
 * @throws LoomError `invalid-request`, `payload-too-large` or `aborted`
 */
export function readChatBody(c: Context, options: ChatBodyOptions): Promise<unknown> {
  return readScanned(c, new ChatBody(options))
}

/**
 * Reads a posted object from bytes that have arrived; see `readChatBody`.
 * @throws LoomError `invalid-request` or `payload-too-large`
 */
export function readChatBytes(bytes: Uint8Array, options: ChatBodyOptions): Promise<unknown> {
  return readBytes(bytes, new ChatBody(options))
}

class ChatBody implements BodyReader {
  /** The deepest level is a field of a part of `messages`. */
  readonly levels = 5
  readonly #options: ChatBodyOptions
  readonly #body: Record<string, unknown> = {}
  #root: unknown
  #isObject = true
  /** The field or the message that is being scanned now. */
  #field: Raw | undefined
  #message: PostedMessage | undefined
  #list: PostedList | undefined
  #single: PostedMessage | undefined

  constructor(options: ChatBodyOptions) {
    this.#options = options
  }

  add(slice: Uint8Array, at: number): void {
    // A value that begins in this slice takes its bytes from here.
    this.#slice = { bytes: slice, at }
    this.#message?.add(slice, at)
    // Once a field is too large, the rest of it is only measured.
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
    const refusal = refusalOf({ ...span, values: 0, escapes: 0 }, 'The body', Infinity)
    if (refusal !== undefined) throw refusal
    // Unsafe keys and deep nesting inside of an unknown field are the more important fault.
    const { fields, skipsOthers = false } = this.#options
    if (!fields.has(name) && skipsOthers) return
    if (!fields.has(name)) throw unknownBodyField(name, fields, ownValues)
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

/** `useChat` sends the fields of its `body` option beside its own. */
export const ownValues = ' Send values of your own in "context".'

const openBracket = 0x5b
const openBrace = 0x7b
