/**
 * Splits a byte stream into the `data` of server-sent events (WHATWG HTML, 9.2.6). Only whole lines are
 * decoded, so a character is never decoded in two halves. Nearly every read ends with a line end: it is
 * decoded at once, and nothing is kept. Event names, ids and comments are ignored.
 */

import { jsonValueOf } from '../../ground/json.ts'

const lineFeed = 10
const carriageReturn = 13

/** A line or an event that is longer than the scanner may keep. */
export class EventTooLong extends Error {
  override readonly name = 'EventTooLong'
}

export class EventScanner {
  readonly #onData: (data: string) => void
  readonly #maxBytes: number
  /** The start of a line whose end has not arrived. */
  #pieces: Uint8Array[] = []
  #pieceBytes = 0
  /** The data lines of an event whose blank line has not arrived. */
  #data: string | undefined
  #isFirst = true
  /** The text so far ended with CR. A following LF belongs to the same line end. */
  #afterReturn = false

  constructor(onData: (data: string) => void, maxBytes: number) {
    this.#onData = onData
    this.#maxBytes = maxBytes
  }

  /**
   * Returns the event at the end of a body without a final line end. The event counts only if it is
   * complete: the caller decides by its JSON.
   */
  rest(): string | undefined {
    if (this.#pieceBytes > 0) this.#scan(`${this.#decode(new Uint8Array())}\n`)
    const data = this.#data
    this.#data = undefined
    return data === '' ? undefined : data
  }

  /** @throws EventTooLong if an event exceeds the bound. */
  feed(bytes: Uint8Array): void {
    const end = endOfLastLine(bytes)
    if (end > 0) this.#scan(this.#decode(end === bytes.length ? bytes : bytes.subarray(0, end)))
    if (end < bytes.length) this.#keep(end === 0 ? bytes : bytes.subarray(end))
  }

  #keep(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
    this.#checkBound()
  }

  #checkBound(): void {
    if (this.#pieceBytes + (this.#data?.length ?? 0) <= this.#maxBytes) return
    throw new EventTooLong(`an event is longer than ${this.#maxBytes} bytes`)
  }

  #decode(bytes: Uint8Array): string {
    if (this.#pieceBytes === 0) return textOf(bytes)
    this.#pieces.push(bytes)
    const text = Buffer.concat(this.#pieces).toString()
    this.#pieces = []
    this.#pieceBytes = 0
    return text
  }

  #scan(text: string): void {
    if (this.#isFirst || this.#afterReturn || text.includes('\r')) text = this.#normalise(text)
    let start = 0
    for (;;) {
      const end = text.indexOf('\n', start)
      if (end === -1) return
      this.#line(text, start, end)
      start = end + 1
    }
  }

  /** Converts every line end to one LF, and removes the byte order mark. */
  #normalise(text: string): string {
    let start = this.#isFirst && text.charCodeAt(0) === 0xfe_ff ? 1 : 0
    if (this.#afterReturn && text.charCodeAt(0) === lineFeed) start = 1
    this.#isFirst = false
    this.#afterReturn = text.charCodeAt(text.length - 1) === carriageReturn
    return text.slice(start).replaceAll(/\r\n?/g, '\n')
  }

  #line(text: string, start: number, end: number): void {
    if (start === end) {
      const data = this.#data
      this.#data = undefined
      if (data !== undefined && data !== '') this.#onData(data)
    } else if (text.startsWith('data', start)) {
      this.#dataLine(text, start + 4, end)
    } else if (text.charCodeAt(start) === 123) {
      this.#strayLine(text.slice(start, end))
    }
  }

  /**
   * Reads a line of JSON without a field name: some gateways put an error into a stream like this, and
   * some servers send whole streams in this form.
   */
  #strayLine(line: string): void {
    if (jsonValueOf(line) !== undefined) this.#onData(line)
  }

  /** @param start the index after the field name */
  #dataLine(text: string, start: number, end: number): void {
    // A longer name ("database:") is another field. A name alone is a field without a value.
    if (start !== end && text.charCodeAt(start) !== 58) return
    const valueStart = text.charCodeAt(start + 1) === 32 ? start + 2 : start + 1
    const value = valueStart < end ? text.slice(valueStart, end) : ''
    if (this.#data === undefined) {
      this.#data = value
    } else if (value !== '' && isWhole(this.#data)) {
      // Some servers send no blank line: a complete value is an event of its own.
      const data = this.#data
      this.#data = value
      this.#onData(data)
    } else {
      this.#data += `\n${value}`
      this.#checkBound()
    }
  }
}

const isWhole = (data: string) =>
  data.trim() === '[DONE]' || (data.startsWith('{') && jsonValueOf(data) !== undefined)

/** The index after the last line end; 0 if there is none. */
function endOfLastLine(bytes: Uint8Array): number {
  for (let index = bytes.length - 1; index >= 0; index--) {
    const byte = bytes[index]
    if (byte === lineFeed || byte === carriageReturn) return index + 1
  }
  return 0
}

function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString()
}
