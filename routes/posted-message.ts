/** One message of a posted body: scanned, measured, and parsed only if it turns out to be the last. */
import type { LoomError } from '../src/ground/error.ts'
import type { Raw } from '../src/ground/json/raw.ts'
import type { ValuePosition, Span } from '../src/ground/json/scanner.ts'
import { OmittedValue } from '../src/wire/conversation/omitted-value.ts'
import { bodyLimits, invalid, refusalOf, tooLarge } from './body-limits.ts'

export interface PostedMessageOptions {
  /** Its level in the body. */
  level: number
  /** What it is called in errors. */
  name: string
}

/** The fields of a part that can hold an answer. */
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

/** Where messages of ai 4 to 7 have their parts, and these their files. */
const partLists = new Set(['parts', 'content', 'experimental_attachments'])
const fileFields = new Set(['url', 'data', 'image'])

const answeredStates = ['output-available', 'output-error', 'approval-responded', 'output-denied']

/** Bytes of one message that are held while it is read. */
const heldMax = 4 * bodyLimits.messageBytes

export class PostedMessage {
  readonly level: number
  refusal: LoomError | undefined
  /** Values in it. */
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
    if (this.size > heldMax) this.#raw = undefined
  }

  /** A value inside of it has ended. */
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
      // Only calls of a message's last step can wait for an answer.
      const type = fields.get('type')
      if (type !== undefined && this.#small(type) === 'step-start') {
        this.#parts = []
        this.#raw?.release(span.start)
      }
    }
    if (!fields.has('toolCallId')) return
    this.#parts.push(fields)
    // Calls that can wait stand at the end.
    if (this.#parts.length > 2 * bodyLimits.parts) this.#parts.splice(0, bodyLimits.parts)
  }

  /** It has ended. */
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
   * An assistant message beyond the limits is reduced to what can be an answer in it: all else in it
   * was sent by the server.
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

  /** A name or a word; undefined where it is longer than any that is known. */
  #small(span: Span): unknown {
    const isSmall = span.end - span.start <= 4096 && span.depth <= bodyLimits.depth
    return isSmall ? this.#raw?.parse(span) : undefined
  }
}
