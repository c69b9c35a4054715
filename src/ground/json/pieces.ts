/**
 * Writes the JSON of large values in pieces. One `JSON.stringify` of a conversation with pictures
 * takes hundreds of milliseconds, and the event loop serves no other request in that time.
 */
import { WorkSteps } from '../long-work.ts'
import { weightOf } from './weight.ts'

/** The work of about 5 ms, in characters. Each value counts as some more characters. */
export const pieceWeight = 500_000

type Replacer = (key: string, value: unknown) => unknown

/** True if one piece holds all of the JSON, as for nearly every value. */
export const isOnePiece = (value: unknown): boolean => weightOf(value, pieceWeight) < pieceWeight

/**
 * Writes the JSON of a value in pieces; joined, they are the whole text. Each piece is whole
 * Unicode, and no escape is split.
 * @param value without cycles; a value that has no JSON is written as null
 * @param replacer as for `JSON.stringify`, but it may be called twice for one value, and with
 * another index for an item of a list
 */
export function* jsonPieces(value: unknown, replacer?: Replacer): Generator<string, void> {
  if (isOnePiece(value) || isWrittenWhole(value)) yield jsonOf(value, replacer)
  else if (typeof value === 'string') yield* stringPieces(value)
  else if (Array.isArray(value)) yield* listPieces(value, replacer)
  else yield* objectPieces(value, replacer)
}

/** Writes `jsonPieces` with turns of the event loop between them. */
export async function jsonInSteps(value: unknown, replacer?: Replacer): Promise<string[]> {
  const steps = new WorkSteps()
  const pieces: string[] = []
  for (const piece of jsonPieces(value, replacer)) {
    pieces.push(piece)
    // A list of small values costs more than its number of characters.
    await steps.next(pieceWeight / 4 + piece.length)
  }
  return pieces
}

/**
 * Returns the JSON of a value, written in steps: as a string if one piece holds it all, else as
 * UTF-8.
 */
export async function storedJson(value: unknown): Promise<string | Buffer> {
  if (isOnePiece(value)) return jsonOf(value, undefined)
  return Buffer.concat(await bytesInSteps(value))
}

/** Returns the JSON of a value as UTF-8, in pieces, with turns of the event loop between them. */
export async function bytesInSteps(
  value: unknown,
  convert: (json: string) => string = (json) => json,
): Promise<Buffer[]> {
  const steps = new WorkSteps()
  const pieces: Buffer[] = []
  for (const piece of jsonPieces(value)) {
    pieces.push(Buffer.from(convert(piece)))
    await steps.next(pieceWeight / 4 + piece.length)
  }
  return pieces
}

const jsonOf = (value: unknown, replacer: Replacer | undefined): string =>
  JSON.stringify(value, replacer) ?? 'null'

/**
 * True if `JSON.stringify` asks the value for another form, or writes it as a number, a word or
 * nothing.
 */
function isWrittenWhole(value: unknown): boolean {
  if (typeof value === 'string') return false
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return true
  return 'toJSON' in value && typeof value.toJSON === 'function'
}

function* stringPieces(text: string): Generator<string, void> {
  yield '"'
  for (const piece of textPieces(text)) yield JSON.stringify(piece).slice(1, -1)
  yield '"'
}

/** The pieces of a text. Joined they are the text. */
export function* textPieces(text: string): Generator<string, void> {
  for (let at = 0; at < text.length;) {
    const end = at + pieceWeight
    // Both halves of a surrogate pair stay together, because a single half would be written as an
    // escape.
    const next = isHighSurrogate(text.charCodeAt(end - 1)) ? end + 1 : end
    yield text.slice(at, next)
    at = next
  }
}

const isHighSurrogate = (code: number) => code >= 0xd800 && code < 0xdc00

function* listPieces(
  list: readonly unknown[],
  replacer: Replacer | undefined,
): Generator<string, void> {
  let opening = '['
  let batch: unknown[] = []
  let weight = 0
  const nextPiece = () => {
    const json = `${opening}${jsonOf(batch, replacer).slice(1, -1)}`
    opening = ','
    batch = []
    weight = 0
    return json
  }
  for (const item of list) {
    const itemWeight = weightOf(item, pieceWeight)
    if (weight + itemWeight >= pieceWeight && batch.length > 0) yield nextPiece()
    if (itemWeight < pieceWeight) {
      batch.push(item)
      weight += itemWeight
    } else {
      yield opening
      opening = ','
      yield* jsonPieces(replacer === undefined ? item : replacer('', item), replacer)
    }
  }
  if (batch.length > 0) yield nextPiece()
  yield opening === '[' ? '[]' : ']'
}

function* objectPieces(value: unknown, replacer: Replacer | undefined): Generator<string, void> {
  let opening = '{'
  let batch = newBatch()
  let weight = 0
  const nextPiece = () => {
    const json = jsonOf(batch, replacer).slice(1, -1)
    batch = newBatch()
    weight = 0
    // A field without JSON is left out.
    if (json === '') return ''
    const piece = `${opening}${json}`
    opening = ','
    return piece
  }
  for (const [key, field] of Object.entries(value ?? {})) {
    const fieldWeight = key.length + weightOf(field, pieceWeight)
    if (weight + fieldWeight >= pieceWeight && weight > 0) yield nextPiece()
    if (fieldWeight < pieceWeight) {
      batch[key] = field
      weight += fieldWeight
      continue
    }
    const replacement = replacer === undefined ? field : replacer(key, field)
    if (replacement === undefined) continue
    yield `${opening}${JSON.stringify(key)}:`
    opening = ','
    yield* jsonPieces(replacement, replacer)
  }
  if (weight > 0) yield nextPiece()
  yield opening === '{' ? '{}' : '}'
}

/** The batch has no prototype, so that `__proto__` is a key like any other. */
function newBatch(): Record<string, unknown> {
  const batch: Record<string, unknown> = Object.create(null)
  return batch
}
