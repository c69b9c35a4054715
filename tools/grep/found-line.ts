/**
 * Reads lines from ripgrep's JSON output and cuts them to the size for display. Of a long line it keeps
 * the part around the match, as bytes with their offset, so that a caller can verify them in the file.
 */
import { isFields } from '../../src/ground/fields.ts'
import { parseJson } from '../../src/ground/json.ts'

export interface FoundLine {
  /** Relative to the root. */
  path: string
  number: number
  isMatch: boolean
  /** The offset of the bytes in the file, counted after its byte order mark. */
  offset: number
  bytes: Buffer
  isCutBefore: boolean
  isCutAfter: boolean
}

export type GrepRecord =
  | { type: 'line'; line: FoundLine }
  | { type: 'end'; path: string; isBinary: boolean }

/** Enough for 500 characters of four bytes (`lineCharsMax` of `listing.ts`). */
const bytesMax = 2048
/** If a match begins after this offset, the part begins `leadBytes` before the match. */
const plainBytes = 400
const leadBytes = 100

/** Returns undefined for other kinds of records, and for file names that are not UTF-8. */
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

/** Returns the path of a record that was too long to keep. The path comes before the line. */
export function pathInBeginning(record: Buffer): string | undefined {
  const start = record.toString('utf8', 0, 20_000)
  const [, quoted] = /"path":\{"text":("(?:[^"\\]|\\.)*")\}/.exec(start) ?? []
  const path = quoted === undefined ? undefined : parseJson(quoted)
  return typeof path === 'string' ? path.replace(/^\.\//, '') : undefined
}

function partOf(line: Buffer, match: number) {
  const end = lengthWithoutEnding(line)
  let from = match > plainBytes ? match - leadBytes : 0
  // Skips to the start of a character.
  while (from > 0 && from < end && ((line[from] ?? 0) & 0xc0) === 0x80) from++
  // A copy, since a view would keep the whole line in memory.
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

/** Reads text, or base64 if the line is not UTF-8. */
function bytesOf(value: unknown): Buffer | undefined {
  const text = textOf(value)
  if (text !== undefined) return Buffer.from(text)
  if (!isFields(value) || typeof value['bytes'] !== 'string') return undefined
  return Buffer.from(value['bytes'], 'base64')
}
