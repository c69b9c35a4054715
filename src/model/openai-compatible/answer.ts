/**
 * Receives one HTTP response: an event stream becomes parts, anything else is read as text and
 * becomes an error. An answer begins with its first event; what fails before that is thrown, what
 * fails later is an `error` part.
 */
import { APICallError } from '@ai-sdk/provider'
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'

import type { PartReceiver } from '../../model.ts'
import type { CallErrors } from './call-errors.ts'
import { EventScanner, EventTooLong } from './event-scanner.ts'
import type { StreamDecoder } from './stream-decoder.ts'
import type { Reading, ResponseHead, ResponseReceiver } from './transport.ts'

/** A line or event longer than this is an error: nothing a model says in one go comes near it. */
const maxEventBytes = 16 * 1024 * 1024
/** Enough for the JSON of any error, and for the title of an HTML page. */
const maxErrorBytes = 64 * 1024

export class Answer implements ResponseReceiver {
  readonly #decoder: StreamDecoder
  readonly #errors: CallErrors
  readonly #receive: PartReceiver
  readonly #scanner: EventScanner
  #head: ResponseHead | undefined
  #kind: 'unknown' | 'events' | 'text' = 'unknown'
  readonly #text: Uint8Array[] = []
  #textBytes = 0
  #parts: LanguageModelV4StreamPart[] = []
  /** Settles, and never rejects, when the receiver has taken what it was given last. */
  #taken: Promise<void> | undefined
  #refusal: { reason: unknown } | undefined

  constructor(decoder: StreamDecoder, errors: CallErrors, receive: PartReceiver) {
    this.#decoder = decoder
    this.#errors = errors
    this.#receive = receive
    this.#scanner = new EventScanner((data) => decoder.event(data, this.#parts), maxEventBytes)
  }

  get responseHeaders(): Record<string, string> {
    return this.#head?.headers ?? {}
  }

  head(head: ResponseHead): void {
    this.#head = head
    this.#errors.setHead(head)
    if (head.status < 200 || head.status >= 300) this.#kind = 'text'
    const encoding = head.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') throw this.#errors.encoded(encoding)
  }

  data(bytes: Uint8Array): Reading | Promise<Reading> {
    if (this.#kind === 'unknown') this.#kind = kindOf(bytes)
    if (this.#kind === 'text') return this.#collect(bytes)
    this.#scan(bytes)
    return this.#handOver()
  }

  /** The body has ended. @throws APICallError if there was no answer. */
  async end(): Promise<void> {
    await this.#settled()
    if (!this.#decoder.hasStarted) throw this.#errors.noAnswer()
    if (!this.#decoder.isClosed) this.#decoder.end(this.#parts)
    await this.#handOver()
  }

  /** The transport has failed. @throws APICallError if there was no answer. */
  async fail(cause: unknown): Promise<void> {
    await this.#settled()
    const error = APICallError.isInstance(cause) ? cause : this.#errors.connection(cause)
    if (!this.#decoder.hasStarted) throw error
    if (!this.#decoder.isClosed) this.#decoder.fail(error, this.#parts)
    await this.#handOver()
  }

  /** @throws what the receiver threw, or what a body that is no event stream says. */
  async #settled(): Promise<void> {
    await this.#taken
    if (this.#refusal !== undefined) throw this.#refusal.reason
    if (this.#kind === 'text') throw this.#textError()
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

  #handOver(): Reading | Promise<Reading> {
    const reading = this.#decoder.isClosed ? 'enough' : 'more'
    const parts = this.#parts
    if (parts.length === 0) return reading
    this.#parts = []
    const taken = this.#give(parts)
    if (taken === undefined) return reading
    this.#taken = taken.catch((reason: unknown) => {
      this.#refusal = { reason }
    })
    return taken.then(() => reading)
  }

  #give(parts: readonly LanguageModelV4StreamPart[]): void | Promise<void> {
    try {
      return this.#receive(parts)
    } catch (reason) {
      this.#refusal = { reason }
      throw reason
    }
  }

  #collect(bytes: Uint8Array): Reading {
    this.#text.push(bytes)
    this.#textBytes += bytes.length
    return this.#textBytes < maxErrorBytes ? 'more' : 'enough'
  }

  #textError(): APICallError {
    const text = Buffer.concat(this.#text).toString()
    const head = this.#head
    const isGood = head === undefined || (head.status >= 200 && head.status < 300)
    return isGood ? this.#errors.notAStream(text) : this.#errors.status(head, text)
  }
}

/** No line of an event stream begins like JSON or HTML. The content type is no help: many lie. */
function kindOf(bytes: Uint8Array): 'unknown' | 'events' | 'text' {
  const first = bytes.find((byte) => byte > 32)
  if (first === undefined) return 'unknown'
  return '{["<'.includes(String.fromCharCode(first)) ? 'text' : 'events'
}
