/**
 * JSON of large values, written a piece at a time. One `JSON.stringify` of a conversation with pictures
 * takes hundreds of milliseconds, in which the event loop serves nobody else.
 */
import { WorkSteps } from '../long-work.ts'
import { weightOf } from './weight.ts'

/** About as much as is written in 5 ms: characters, with each value as some more of them. */
export const pieceWeight = 500_000

type Replacer = (key: string, value: unknown) => unknown

/** Whether one piece holds all of the JSON, as for nearly every value. */
export const isOnePiece = (value: unknown): boolean => weightOf(value, pieceWeight) < pieceWeight

/**
 * The JSON of a value, in pieces that are to be joined. Each piece is whole Unicode, and no escape is
 * parted.
 * @param value without cycles; a value that has no JSON is written as null
 * @param replacer as of `JSON.stringify`, but it may be called twice for one value, and for an item of a
 * list with another index
 */
export function* jsonPieces(value: unknown, replacer?: Replacer): Generator<string, void> {
  if (isOnePiece(value) || isWrittenWhole(value)) yield jsonOf(value, replacer)
  else if (typeof value === 'string') yield* stringPieces(value)
  else if (Array.isArray(value)) yield* listPieces(value, replacer)
  else yield* objectPieces(value, replacer)
}

/** `jsonPieces`, with turns of the event loop between them. */
export async function jsonInSteps(value: unknown, replacer?: Replacer): Promise<string[]> {
  const steps = new WorkSteps()
  const pieces: string[] = []
  for (const piece of jsonPieces(value, replacer)) {
    pieces.push(piece)
    // A list of small values costs more than its characters say.
    await steps.next(pieceWeight / 4 + piece.length)
  }
  return pieces
}

/** UTF-8 of the JSON of a value, written in steps; a string where one piece holds it all. */
export async function storedJson(value: unknown): Promise<string | Buffer> {
  if (isOnePiece(value)) return jsonOf(value, undefined)
  return Buffer.concat(await bytesInSteps(value))
}

/** UTF-8 of the JSON of a value, a piece at a time, with turns of the event loop between them. */
export async function bytesInSteps(
  value: unknown,
  written: (json: string) => string = (json) => json,
): Promise<Buffer[]> {
  const steps = new WorkSteps()
  const pieces: Buffer[] = []
  for (const piece of jsonPieces(value)) {
    pieces.push(Buffer.from(written(piece)))
    await steps.next(pieceWeight / 4 + piece.length)
  }
  return pieces
}

const jsonOf = (value: unknown, replacer: Replacer | undefined): string =>
  JSON.stringify(value, replacer) ?? 'null'

/** What `JSON.stringify` asks for another form, or writes as a number, word or nothing. */
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
    // Both halves of a surrogate pair stay together: one alone would be written as an escape.
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
  const written = () => {
    const json = `${opening}${jsonOf(batch, replacer).slice(1, -1)}`
    opening = ','
    batch = []
    weight = 0
    return json
  }
  for (const item of list) {
    const itemWeight = weightOf(item, pieceWeight)
    if (weight + itemWeight >= pieceWeight && batch.length > 0) yield written()
    if (itemWeight < pieceWeight) {
      batch.push(item)
      weight += itemWeight
    } else {
      yield opening
      opening = ','
      yield* jsonPieces(replacer === undefined ? item : replacer('', item), replacer)
    }
  }
  if (batch.length > 0) yield written()
  yield opening === '[' ? '[]' : ']'
}

function* objectPieces(value: unknown, replacer: Replacer | undefined): Generator<string, void> {
  let opening = '{'
  let batch = newBatch()
  let weight = 0
  const written = () => {
    const json = jsonOf(batch, replacer).slice(1, -1)
    batch = newBatch()
    weight = 0
    // Fields without JSON are left out.
    if (json === '') return ''
    const piece = `${opening}${json}`
    opening = ','
    return piece
  }
  for (const [key, field] of Object.entries(value ?? {})) {
    const fieldWeight = key.length + weightOf(field, pieceWeight)
    if (weight + fieldWeight >= pieceWeight && weight > 0) yield written()
    if (fieldWeight < pieceWeight) {
      batch[key] = field
      weight += fieldWeight
      continue
    }
    const replaced = replacer === undefined ? field : replacer(key, field)
    if (replaced === undefined) continue
    yield `${opening}${JSON.stringify(key)}:`
    opening = ','
    yield* jsonPieces(replaced, replacer)
  }
  if (weight > 0) yield written()
  yield opening === '{' ? '{}' : '}'
}

/** Without a prototype, so that a key named `__proto__` is a key as any other. */
function newBatch(): Record<string, unknown> {
  const batch: Record<string, unknown> = Object.create(null)
  return batch
}
