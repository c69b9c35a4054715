/**
 * Receives one HTTP response. An event stream or the JSON of a whole answer becomes parts. Anything else
 * is read as text and becomes an error. An answer starts with its first event: an earlier failure is
 * thrown, a later one is an `error` part. After the end of the answer, the rest of the response is
 * waited for only a short time. The file is long because head, body and end may come in any state of
 * the answer.
 */
import { APICallError } from '@ai-sdk/provider'
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'

import { jsonValueOf } from '../../ground/json.ts'
import type { PartReceiver } from '../../model.ts'
import type { CallErrors } from './call-errors.ts'
import { bodyDecoder, codingsOf, codingStartBytes } from './content-coding.ts'
import type { BodyDecoder } from './content-coding.ts'
import { EventScanner, EventTooLong } from './event-scanner.ts'
import { isRecord } from './json-record.ts'
import type { StreamDecoder } from './stream-decoder.ts'
import type { Reading, ResponseHead, ResponseReceiver } from './transport.ts'

/** Bytes. A longer line or event is an error. No model sends nearly as much in one event. */
const maxEventBytes = 16 * 1024 * 1024
/** Bytes. Enough for the JSON of any error, and for the title of an HTML page. */
const maxErrorBytes = 64 * 1024

export interface ResponseReaderOptions {
  decoder: StreamDecoder
  errors: CallErrors
  receive: PartReceiver
  /** Called when the rest of the response is no longer needed. Closes the connection. */
  leave: () => void
  /** Called for a read without a part. */
  onSilentRead: (() => void) | undefined
}

export class ResponseReader implements ResponseReceiver {
  readonly #options: ResponseReaderOptions
  readonly #decoder: StreamDecoder
  readonly #errors: CallErrors
  readonly #scanner: EventScanner
  #head: ResponseHead | undefined
  #kind: 'unknown' | 'events' | 'text' = 'unknown'
  /** The compression of the body, according to the header. */
  #codings: readonly string[] = []
  #body: BodyDecoder | undefined
  #hasBody = false
  #startBytes: Uint8Array = new Uint8Array()
  readonly #text: Uint8Array[] = []
  #textBytes = 0
  #parts: LanguageModelV4StreamPart[] = []
  /** Settles, and never rejects, after the receiver has taken the last parts. */
  #pending: Promise<void> | undefined
  #refusal: { reason: unknown } | undefined
  /** Runs after the end of the answer. */
  #remainder: NodeJS.Timeout | undefined
  /** The state for which the timer was set. */
  #remainderOf = ''

  constructor(options: ResponseReaderOptions) {
    this.#options = options
    this.#decoder = options.decoder
    this.#errors = options.errors
    this.#scanner = new EventScanner(
      (data) => this.#decoder.event(data, this.#parts),
      maxEventBytes,
    )
  }

  get responseHeaders(): Record<string, string> {
    return this.#head?.headers ?? {}
  }

  head(head: ResponseHead): void {
    this.#head = head
    this.#errors.setHead(head)
    if (!isGood(head)) this.#kind = 'text'
    this.#codings = codingsOf(head.headers['content-encoding'])
    if (this.#codings.includes('compress')) throw this.#errors.encoded('compress')
  }

  data(bytes: Uint8Array): Reading | Promise<Reading> {
    if (!this.#hasBody) {
      const start = this.#startOf(bytes)
      return start === undefined ? 'more' : this.#begin(start)
    }
    return this.#body === undefined ? this.#read(bytes) : this.#readCompressed(this.#body, bytes)
  }

  /** Ends the body. @throws APICallError if there was no answer. */
  async end(): Promise<void> {
    await this.#settled()
    this.#scanRest()
    if (!this.#decoder.hasStarted) throw this.#errors.noAnswer()
    if (!this.#decoder.isClosed) this.#decoder.end(this.#parts)
    await this.#handOver()
  }

  /** Handles a failure of the transport, or the end of the wait. @throws APICallError if there was no answer. */
  async fail(cause: unknown): Promise<void> {
    await this.#settled(cause)
    this.#scanRest()
    const error = APICallError.isInstance(cause) ? cause : this.#errors.connection(cause)
    if (!this.#decoder.hasStarted) throw error
    if (!this.#decoder.isClosed) this.#decoder.breakOff(error, this.#parts)
    await this.#handOver()
  }

  /** Stops the timer at the end of the exchange. */
  close(): void {
    clearTimeout(this.#remainder)
  }

  /** @throws the receiver's error, or the error in a body that is not an answer. */
  async #settled(cause?: unknown): Promise<void> {
    this.close()
    // The body was shorter than the bytes that the decision needs.
    if (!this.#hasBody && this.#startBytes.length > 0) await this.#begin(this.#startBytes)
    await this.#pending
    if (this.#refusal !== undefined) throw this.#refusal.reason
    if (this.#kind === 'text') this.#takeText(cause)
  }

  #begin(start: Uint8Array): Reading | Promise<Reading> {
    this.#hasBody = true
    this.#body = bodyDecoder(this.#codings, start)
    return this.#body === undefined ? this.#read(start) : this.#readCompressed(this.#body, start)
  }

  /** Returns the first bytes of the body when they suffice to distinguish text from compressed bytes. */
  #startOf(bytes: Uint8Array): Uint8Array | undefined {
    const mayBeCoded = this.#codings.length > 0 || bytes[0] === 0x1f || this.#startBytes.length > 0
    if (!mayBeCoded) return bytes
    this.#startBytes = Buffer.concat([this.#startBytes, bytes])
    return this.#startBytes.length < codingStartBytes ? undefined : this.#startBytes
  }

  async #readCompressed(body: BodyDecoder, bytes: Uint8Array): Promise<Reading> {
    let decoded: Uint8Array
    try {
      decoded = await body.decode(bytes)
    } catch (cause) {
      if (this.#decoder.hasStarted) throw cause
      throw this.#errors.encoded(this.#codings.join(', ') || 'gzip')
    }
    return decoded.length === 0 ? 'more' : this.#read(decoded)
  }

  #read(bytes: Uint8Array): Reading | Promise<Reading> {
    if (this.#kind === 'unknown') this.#kind = kindOf(bytes)
    if (this.#kind === 'text') return this.#collect(bytes)
    this.#scan(bytes)
    return this.#handOver()
  }

  #scan(bytes: Uint8Array): void {
    try {
      this.#scanner.feed(bytes)
    } catch (error) {
      if (!(error instanceof EventTooLong)) throw error
      if (!this.#decoder.hasStarted) throw this.#errors.tooLong(error)
      if (!this.#decoder.isClosed) this.#decoder.fail(this.#errors.tooLong(error), this.#parts)
    }
  }

  /** Reads a last event without a line end. JSON that parses is complete, so it was not cut off. */
  #scanRest(): void {
    const rest = this.#kind === 'events' ? this.#scanner.rest() : undefined
    if (rest === undefined) return
    if (jsonValueOf(rest) !== undefined || rest.trim() === '[DONE]') {
      this.#decoder.event(rest, this.#parts)
    }
  }

  #handOver(): Reading | Promise<Reading> {
    const reading = this.#decoder.isClosed ? 'enough' : 'more'
    const parts = this.#parts
    if (parts.length === 0) {
      this.#options.onSilentRead?.()
      this.#watchRemainder()
      return reading
    }
    this.#parts = []
    const wait = this.#give(parts)
    if (wait === undefined) {
      this.#watchRemainder()
      return reading
    }
    this.#pending = wait.catch((reason: unknown) => {
      this.#refusal = { reason }
    })
    // The time of a slow receiver must not count for the rest of the stream.
    return wait.then(() => {
      this.#watchRemainder()
      return reading
    })
  }

  /** Sets the timer at the end of the answer, and again if more of the answer follows. */
  #watchRemainder(): void {
    const { remainderMs, pieces } = this.#decoder
    if (remainderMs === undefined || this.#decoder.isClosed) return
    const of = `${remainderMs} ${pieces}`
    if (of === this.#remainderOf) return
    this.#remainderOf = of
    clearTimeout(this.#remainder)
    this.#remainder = setTimeout(this.#options.leave, remainderMs)
  }

  #give(parts: readonly LanguageModelV4StreamPart[]): void | Promise<void> {
    try {
      return this.#options.receive(parts)
    } catch (reason) {
      this.#refusal = { reason }
      throw reason
    }
  }

  #collect(bytes: Uint8Array): Reading {
    this.#options.onSilentRead?.()
    this.#text.push(bytes)
    this.#textBytes += bytes.length
    const most = this.#head === undefined || isGood(this.#head) ? maxEventBytes : maxErrorBytes
    return this.#textBytes < most ? 'more' : 'enough'
  }

  /** @throws APICallError if the text is not an answer. */
  #takeText(cause: unknown): void {
    const text = Buffer.concat(this.#text).toString()
    const head = this.#head
    if (head !== undefined && !isGood(head)) throw this.#errors.status(head, text)
    const values = answersIn(text)
    if (values === undefined) {
      if (cause === undefined || APICallError.isInstance(cause)) throw this.#errors.notAStream(text)
      throw this.#errors.connection(cause)
    }
    for (const value of values) this.#decoder.value(value, this.#parts)
    // One JSON text that parses is a whole answer, even without a finish reason.
    if (values.length === 1) this.#decoder.isWhole = true
  }
}

const isGood = ({ status }: ResponseHead) => status >= 200 && status < 300

/**
 * A server that does not stream sends one JSON object. Others send one chunk per line, without the form
 * of an event stream. Undefined if none of the values is an answer.
 */
function answersIn(text: string): readonly unknown[] | undefined {
  const whole = jsonValueOf(text)
  const lines = text.split('\n').map((line) => line.trim().replace(/^data:\s*/, ''))
  const values =
    whole === undefined
      ? lines.filter((line) => line !== '' && line !== '[DONE]').map((line) => jsonValueOf(line))
      : [whole].flat()
  const isAnswer = values.some((value) => isRecord(value) && hasChoices(value))
  return isAnswer && !values.includes(undefined) ? values : undefined
}

const hasChoices = ({ choices }: Record<string, unknown>) =>
  Array.isArray(choices) && choices.length > 0

/** No line of an event stream starts like JSON or HTML. The content type is not reliable. */
function kindOf(bytes: Uint8Array): 'unknown' | 'events' | 'text' {
  const first = bytes.find((byte) => byte > 32)
  if (first === undefined) return 'unknown'
  return '{["<'.includes(String.fromCharCode(first)) ? 'text' : 'events'
}
