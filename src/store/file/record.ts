/**
 * The records of the file of a session. A record is one line: the CRC-32 of its content in 8 hexadecimal
 * digits, the content (one letter for its kind, then JSON), and a line feed. JSON contains no line feed of
 * its own, so an incomplete record at the end of a file is found by its missing line feed or its CRC.
 */
import { crc32 } from 'node:zlib'

import { bytesInSteps } from '../../ground/json/pieces.ts'

/**
 * `h`: the head of the file. `m`: a message. `n`: a message in the compact form. `g`: the place of a message in a segment. `c`: a context. `s`: a summary.
 * `l`: a letter, which refers to its message. `e`: one entry of the log of the turn. `p`: a change of the session. `r`: a
 * row of the index. `x`: the place of a message that a segment had.
 */
export type RecordKind = 'h' | 'm' | 'n' | 'g' | 'c' | 's' | 'l' | 'e' | 'p' | 'r' | 'x'

export interface StoredRecord {
  kind: string
  json: string
  /** The position after the record, in bytes. */
  end: number
}

/** Records for one write. Either all of them reach the file, or the last one does not count. */
export class RecordBatch {
  #text = ''

  add(kind: RecordKind, json: string): void {
    this.#text += lineOf(kind, json)
  }

  /** Returns the records that were added since the last call. Returns undefined if there are none. */
  take(): Buffer[] | undefined {
    const text = this.#text
    this.#text = ''
    return text === '' ? undefined : [Buffer.from(text)]
  }
}

export const recordBuffers = (kind: RecordKind, json: string): Buffer[] => [
  Buffer.from(lineOf(kind, json)),
]

export interface Pieces {
  kind: RecordKind
  pieces: readonly Buffer[]
  checksum: number
}

/** Writes the JSON of a large value in steps, so that no other client waits long. */
export async function piecesOf(kind: RecordKind, value: unknown): Promise<Pieces> {
  const pieces = await bytesInSteps(value)
  return { kind, pieces, checksum: pieces.reduce((sum, piece) => crc32(piece, sum), crc32(kind)) }
}

export function pieceBuffers({ kind, pieces, checksum }: Pieces): Buffer[] {
  return [Buffer.from(hex(checksum) + kind), ...pieces, lineFeed]
}

export function lineOf(kind: RecordKind, json: string): string {
  const content = kind + json
  return `${hex(crc32(content))}${content}\n`
}

/** Returns the whole records from the start of the file up to the first that is not whole. */
export function* recordsIn(bytes: Buffer): Generator<StoredRecord, void> {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(lineFeed, start)
    if (end < start + checksumLength + 1) return
    const content = bytes.subarray(start + checksumLength, end)
    if (bytes.toString('latin1', start, start + checksumLength) !== hex(crc32(content))) return
    const kind = String.fromCharCode(content[0] ?? 0)
    start = end + 1
    yield { kind, json: content.toString('utf8', 1), end: start }
  }
}

const checksumLength = 8
const lineFeed = Buffer.from('\n')
const hex = (checksum: number) => checksum.toString(16).padStart(checksumLength, '0')
