/**
 * One message of a posted body. It is scanned and measured, and parsed only if it is the last
 * message.
 */
import type { LoomError } from '../src/ground/error.ts'
import type { Raw } from '../src/ground/json/raw.ts'
import type { ValuePosition, Span } from '../src/ground/json/scanner.ts'
import { OmittedValue } from '../src/wire/conversation/omitted-value.ts'
import { bodyLimits, invalid, refusalOf, tooLarge } from './body-limits.ts'

export interface PostedMessageOptions {
  /** The level of the message in the body. */
  level: number
  /** The name of the message in error texts. */
  name: string
}

/** The fields of a part that may be an answer. */
const answerFields = new Set([
  'type',
  'toolName',
  'toolCallId',
  'state',
  'input',
  'output',
  'errorText',
  'approval',
])

/**
 * The lists that hold the parts of a message in ai 4 to 7, and the fields that hold their files.
 */
const partLists = new Set(['parts', 'content', 'experimental_attachments'])
const fileFields = new Set(['url', 'data', 'image'])

const answeredStates = ['output-available', 'output-error', 'approval-responded', 'output-denied']

/** Bytes of one message that are kept in memory while it is read. */
const bufferMax = 4 * bodyLimits.messageBytes

export class PostedMessage {
  readonly level: number
  refusal: LoomError | undefined
  /** The number of values in the message. */
  values = 0
  readonly #name: string
  #raw: Raw | undefined
  #span: Span | undefined
  #role: unknown
  #id: unknown
  #parts: Map<string, Span>[] = []
  #fields = new Map<string, Span>()
  #partCount = 0
  #fileBytes = 0

  constructor(raw: Raw, { level, name }: PostedMessageOptions) {
    this.#raw = raw
    this.level = level
    this.#name = name
  }

  get isSystem(): boolean {
    return this.#role === 'system'
  }

  get role(): unknown {
    return this.#role
  }

  get size(): number {
    return this.#raw?.size ?? 0
  }

  add(slice: Uint8Array, at: number): void {
    this.#raw?.add(slice, at)
    if (this.size > bufferMax) this.#raw = undefined
  }

  /** Receives the end of a value inside the message. */
  end(level: number, span: Span, { keys }: ValuePosition): void {
    const field = keys[this.level + 1]
    if (level === this.level + 1) {
      if (field === 'role') this.#role = this.#small(span)
      else if (field === 'id') this.#id = this.#small(span)
    }
    if (field === undefined || !partLists.has(field)) return
    const name = keys[level]
    if (level === this.level + 3 && name !== undefined && fileFields.has(name)) {
      this.#fileBytes += span.end - span.start
    }
    if (field !== 'parts') {
      if (level === this.level + 2) this.#partCount++
      return
    }
    if (level === this.level + 2) this.#endPart(span)
    else if (level === this.level + 3 && name !== undefined && answerFields.has(name)) {
      this.#fields.set(name, span)
    }
  }

  #endPart(span: Span): void {
    const fields = this.#fields
    this.#fields = new Map()
    this.#partCount++
    if (this.#role === 'assistant' && this.size > bodyLimits.messageBytes / 2) {
      // Only calls of the last step of a message can wait for an answer.
      const type = fields.get('type')
      if (type !== undefined && this.#small(type) === 'step-start') {
        this.#parts = []
        this.#raw?.release(span.start)
      }
    }
    if (!fields.has('toolCallId')) return
    this.#parts.push(fields)
    // Calls that wait for an answer come last.
    if (this.#parts.length > 2 * bodyLimits.parts) this.#parts.splice(0, bodyLimits.parts)
  }

  /** Receives the end of the message. */
  close(span: Span): void {
    this.#span = span
    this.values = span.values
    this.refusal = refusalOf(span, this.#name, bodyLimits.messageBytes)
    const { textBytes } = bodyLimits
    if (span.end - span.start - this.#fileBytes > textBytes) {
      this.refusal ??= tooLarge(`${this.#name} without its files`, textBytes)
    }
    if (this.#partCount > bodyLimits.parts) {
      this.refusal ??= invalid(`${this.#name} has more than ${bodyLimits.parts} parts.`)
    }
  }

  /**
   * Returns the parsed message. An assistant message beyond the limits is reduced to the parts that
   * may be answers, because the server itself sent all its other parts.
   * @throws LoomError `invalid-request` or `payload-too-large`
   */
  value(): unknown {
    const [raw, span] = [this.#raw, this.#span]
    if (this.refusal === undefined && raw !== undefined && span !== undefined) {
      return raw.parse(span)
    }
    if (this.#role !== 'assistant' || raw === undefined) {
      throw this.refusal ?? tooLarge(this.#name, bodyLimits.messageBytes)
    }
    const budget = { bytes: 3 * bodyLimits.messageBytes }
    const parts = this.#parts
      .slice(-bodyLimits.parts)
      .flatMap((fields) => this.#answer(fields, raw, budget) ?? [])
    return { id: this.#id, role: 'assistant', parts }
  }

  #answer(fields: ReadonlyMap<string, Span>, raw: Raw, budget: { bytes: number }): unknown {
    const state = fields.get('state')
    if (state === undefined || !answeredStates.includes(String(this.#small(state))))
      return undefined
    const entries = [...fields].map(([name, span]) => {
      const size = span.end - span.start
      const isSpent = size > budget.bytes
      budget.bytes -= isSpent ? 0 : size
      const refusal = isSpent
        ? tooLarge(this.#name, bodyLimits.messageBytes)
        : refusalOf(span, name, bodyLimits.messageBytes)
      return [name, refusal === undefined ? raw.parse(span) : new OmittedValue(refusal)]
    })
    return Object.fromEntries(entries)
  }

  /**
   * Parses a short value, such as a name. Returns undefined for a value longer than any known name.
   */
  #small(span: Span): unknown {
    const isSmall = span.end - span.start <= 4096 && span.depth <= bodyLimits.depth
    return isSmall ? this.#raw?.parse(span) : undefined
  }
}
