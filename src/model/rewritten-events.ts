import { jsonValueOf } from '../ground/json.ts'
/** Converts an event stream, event by event, to one that the package of a provider can read. */
import { EventScanner } from './openai-compatible/event-scanner.ts'
import { isRecord } from './openai-compatible/json-record.ts'
import type { JsonRecord } from './openai-compatible/json-record.ts'

export abstract class RewrittenEvents {
  readonly #scanner: EventScanner
  #output = ''

  /** @param maxEventBytes the greatest size of one event */
  constructor(maxEventBytes: number) {
    this.#scanner = new EventScanner((data) => this.event(data), maxEventBytes)
  }

  /**
   * Returns the events that these bytes complete; undefined if there are none.
   * @throws EventTooLong
   */
  read(bytes: Uint8Array): Uint8Array | undefined {
    this.#scanner.feed(bytes)
    return this.#take()
  }

  /** Returns the event at the end of a stream without a final line end. */
  rest(): Uint8Array | undefined {
    const data = this.#scanner.rest()
    // Only a complete event parses as JSON.
    if (data !== undefined && jsonValueOf(data) !== undefined) this.event(data)
    return this.#take()
  }

  /** Writes an event in the form that the package reads, or nothing. */
  protected abstract event(data: string): void

  /** Parses an event for `rewriteObject`. Writes data that is not a JSON object unchanged. */
  protected rewrite(data: string): void {
    const event = jsonValueOf(data)
    if (isRecord(event) && !Array.isArray(event)) this.rewriteObject(event, data)
    else this.write(data)
  }

  /** @param data the text of the event, to write it unchanged */
  protected abstract rewriteObject(event: JsonRecord, data: string): void

  /** A line end in the data is white space between JSON tokens, so a space can replace it. */
  protected write(data: string): void {
    this.#output += `data: ${data.replaceAll('\n', ' ')}\n\n`
  }

  #take(): Uint8Array | undefined {
    if (this.#output === '') return undefined
    const bytes = new TextEncoder().encode(this.#output)
    this.#output = ''
    return bytes
  }
}
