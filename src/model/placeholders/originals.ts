/**
 * The large values of one prompt, each with its placeholder: a short string that a package passes on as
 * it passes on the value. A quotation mark at its end shows how often the string was written as JSON:
 * each time doubles the backslashes before the mark and adds one. So a value is also restored inside
 * JSON that is a string of other JSON, such as the arguments of a tool call.
 */
import { randomBytes } from 'node:crypto'

import { jsonPieces, textPieces } from '../../ground/json/pieces.ts'
import { wellFormedJson } from '../well-formed.ts'

/** Characters. The replacement of a shorter text has no use. */
const lengthMin = 1024
/**
 * How much of a text stays at each end, in characters. Packages remove white space at the ends of a
 * text, and find the media type of a file by its first bytes.
 */
const endLength = 64
/** The size of a piece in bytes. Base64 of a multiple of three bytes has no padding, so pieces can be joined. */
const byteStep = 3 * 128 * 1024

type Original =
  | { type: 'text'; text: string }
  | { type: 'bytes'; bytes: Buffer }
  | { type: 'json'; value: unknown }

export class Originals {
  /** Random for each prompt, so that no text of another conversation can hold one of its placeholders. */
  readonly name = randomBytes(16).toString('hex')
  readonly #values: Original[] = []
  readonly #pattern = new RegExp(`${this.name}(\\d+)(\\\\+)"`, 'g')

  /** @param headLength how much of the beginning stays, in characters */
  text(text: string, headLength = endLength): string {
    if (text.length < lengthMin) return text
    const blanks = text.length - text.trimStart().length
    const from = characterStart(text, blanks + headLength)
    const to = characterStart(text, text.trimEnd().length - endLength)
    if (to - from < lengthMin / 2) return text
    const mark = this.#mark({ type: 'text', text: text.slice(from, to) })
    return text.slice(0, from) + mark + text.slice(to)
  }

  /** The bytes as base64. */
  bytes({ buffer, byteOffset, byteLength }: Uint8Array, headLength = endLength): string {
    const bytes = Buffer.from(buffer, byteOffset, byteLength)
    const from = Math.ceil(headLength / 4) * 3
    if (byteLength - from < lengthMin) return bytes.toString('base64')
    const head = bytes.toString('base64', 0, from)
    return head + this.#mark({ type: 'bytes', bytes: bytes.subarray(from) })
  }

  /** @param value JSON without cycles */
  json(value: unknown): string {
    return this.#mark({ type: 'json', value })
  }

  #mark(original: Original): string {
    return `${this.name}${this.#values.push(original) - 1}"`
  }

  /**
   * The pieces of a JSON text with the originals in place of the placeholders.
   * @throws Error if a package has changed a placeholder
   */
  *restored(json: string): Generator<string, void> {
    let end = 0
    for (const match of json.matchAll(this.#pattern)) {
      const [mark, index, backslashes = ''] = match
      const original = this.#values[Number(index)]
      const depth = Math.log2(backslashes.length + 1)
      // A JSON value replaces the whole string, with its quotation marks.
      const quote = original?.type === 'json' ? `${'\\'.repeat(2 ** (depth - 1) - 1)}"` : ''
      const from = match.index - quote.length
      const to = match.index + mark.length
      const isWhole = json.startsWith(quote, from) && json.startsWith(quote, to)
      if (original === undefined || !Number.isInteger(depth) || !isWhole) throw changed()
      yield* this.#unchanged(json.slice(end, from))
      yield* written(original, depth)
      end = to + quote.length
    }
    yield* this.#unchanged(json.slice(end))
  }

  *#unchanged(json: string): Generator<string, void> {
    if (json.includes(this.name)) throw changed()
    yield* textPieces(json)
  }
}

const changed = () => new Error('A large value of the prompt cannot be put into the request.')

/** @param depth how often the string was written as JSON */
function* written(original: Original, depth: number): Generator<string, void> {
  switch (original.type) {
    case 'text':
      for (const piece of textPieces(original.text)) yield escaped(piece, depth)
      return
    case 'bytes': {
      const { bytes } = original
      for (let at = 0; at < bytes.length; at += byteStep) {
        yield bytes.toString('base64', at, at + byteStep)
      }
      return
    }
    case 'json':
      for (const piece of jsonPieces(original.value)) yield escaped(piece, depth - 1)
  }
}

function escaped(text: string, depth: number): string {
  let json = text
  for (let times = 0; times < depth; times++) json = JSON.stringify(json).slice(1, -1)
  return wellFormedJson(json)
}

/** The next index that does not split a surrogate pair. */
function characterStart(text: string, index: number): number {
  const code = text.charCodeAt(index)
  return code >= 0xdc00 && code < 0xe000 ? index + 1 : index
}
