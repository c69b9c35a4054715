/**
 * Lines as ripgrep's JSON tells them, cut to what is shown. Of a long line the part around the match
 * is kept, in bytes with their place in the file, so that they can be looked up there.
 */
import { isFields } from '../../src/fields.ts'
import { parseJson } from '../../src/json.ts'

export interface FoundLine {
  /** From the root. */
  path: string
  number: number
  isMatch: boolean
  /** Place of the bytes in the file, after its byte order mark. */
  offset: number
  bytes: Buffer
  isCutBefore: boolean
  isCutAfter: boolean
}

export type GrepRecord =
  | { type: 'line'; line: FoundLine }
  | { type: 'end'; path: string; isBinary: boolean }

/** Enough for the characters that are shown, four bytes each. */
const bytesMax = 2048
/** A match further in than this is shown with what is right before it. */
const plainBytes = 400
const leadBytes = 100

/** Undefined for what is neither a line nor a file's end, and for names that are no UTF-8. */
export function readRecord(record: Buffer): GrepRecord | undefined {
  const value = parseJson(record.toString())
  const data = isFields(value) ? value['data'] : undefined
  if (!isFields(value) || !isFields(data)) return undefined
  const path = textOf(data['path'])?.replace(/^\.\//, '')
  if (path === undefined) return undefined
  const { type } = value
  if (type === 'end') return { type, path, isBinary: typeof data['binary_offset'] === 'number' }
  const bytes = bytesOf(data['lines'])
  const { line_number: number, absolute_offset: offset } = data
  if (bytes === undefined || typeof number !== 'number' || typeof offset !== 'number') {
    return undefined
  }
  const part = partOf(bytes, matchStart(data['submatches']))
  const isMatch = type === 'match'
  const line = { ...part, path, number, isMatch, offset: offset + part.offset }
  return { type: 'line', line }
}

/** The path in the beginning of a record that was too long to keep: it comes before the line. */
export function pathInBeginning(record: Buffer): string | undefined {
  const start = record.toString('utf8', 0, 20_000)
  const [, quoted] = /"path":\{"text":("(?:[^"\\]|\\.)*")\}/.exec(start) ?? []
  const path = quoted === undefined ? undefined : parseJson(quoted)
  return typeof path === 'string' ? path.replace(/^\.\//, '') : undefined
}

function partOf(line: Buffer, match: number) {
  const end = lengthWithoutEnding(line)
  let from = match > plainBytes ? match - leadBytes : 0
  // Not into the middle of a character.
  while (from > 0 && from < end && ((line[from] ?? 0) & 0xc0) === 0x80) from++
  // A copy: a view would keep all of a long line.
  const bytes = Buffer.from(line.subarray(from, Math.min(end, from + bytesMax)))
  const isCutAfter = from + bytes.length < end
  return { offset: from, bytes, isCutBefore: from > 0, isCutAfter }
}

function lengthWithoutEnding(line: Buffer): number {
  if (line.at(-1) !== 0x0a) return line.length
  return line.at(-2) === 0x0d ? line.length - 2 : line.length - 1
}

function matchStart(submatches: unknown): number {
  const [first]: unknown[] = Array.isArray(submatches) ? submatches : []
  return isFields(first) && typeof first['start'] === 'number' ? first['start'] : 0
}

function textOf(value: unknown): string | undefined {
  return isFields(value) && typeof value['text'] === 'string' ? value['text'] : undefined
}

/** Text, or base64 where the line is no UTF-8. */
function bytesOf(value: unknown): Buffer | undefined {
  const text = textOf(value)
  if (text !== undefined) return Buffer.from(text)
  if (!isFields(value) || typeof value['bytes'] !== 'string') return undefined
  return Buffer.from(value['bytes'], 'base64')
}
