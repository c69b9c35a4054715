/**
 * Reads some lines of a text file and numbers them. Limits on the lines, the characters of each and the
 * bytes of all keep them small enough for a model. A small file is read to its end, for its number of
 * lines and its hash; of a large file only the shown part is read.
 */
import { createHash } from 'node:crypto'

import type { OpenFile } from '../../src/machine/workspace.ts'
import { bytesMax, lineCharsMax } from './limits.ts'
import { type Line, LineScanner } from './line-scanner.ts'

/** The maximum size of a file of unknown length (files in `/proc` report 0). */
const unknownBytesMax = 10 * 1024 * 1024
/** Files up to this size are read to their end. */
const wholeBytesMax = 4 * 1024 * 1024
const chunkBytes = 64 * 1024

export interface WindowOptions {
  encoding: string
  bomBytes: number
  /** The number of the first line, counted from 1. */
  offset: number
  /** The maximum number of lines. */
  limit: number
  signal: AbortSignal
}

export interface TextWindow {
  /** The lines, each as `N: text`. */
  lines: string[]
  firstLine: number
  /** Whether the file has lines after these. */
  hasMore: boolean
  /** The number of lines of the file; undefined if it was not read to its end. */
  total: number | undefined
  /** The SHA-256 hash of the file; undefined if it was not read to its end. */
  hash: string | undefined
  /** The number of lines that are cut. */
  cutLines: number
}

export async function readWindow(file: OpenFile, options: WindowOptions): Promise<TextWindow> {
  const window = new ShownLines(options.limit)
  const scanner = new LineScanner({
    first: options.offset,
    charsMax: lineCharsMax,
    take: (line) => window.take(line),
  })
  const hash = await scan(file, scanner, options)
  const { lines, cutLines } = window
  const isWhole = hash !== undefined
  return {
    lines,
    cutLines,
    hash,
    firstLine: options.offset,
    total: isWhole ? scanner.lines : undefined,
    hasMore: isWhole ? options.offset - 1 + lines.length < scanner.lines : true,
  }
}

/** Numbers the lines until one of the limits is reached. */
class ShownLines {
  readonly lines: string[] = []
  cutLines = 0
  readonly #limit: number
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  take({ number, text, isCut }: Line): boolean {
    const line = `${number}: ${text}${isCut ? '…' : ''}`
    this.#bytes += Buffer.byteLength(line) + 1
    // The first line always fits: lines are cut at far fewer bytes.
    if (this.#bytes > bytesMax) return false
    this.lines.push(line)
    if (isCut) this.cutLines++
    return this.lines.length < this.#limit
  }
}

/** Feeds the file to the scanner. Returns its hash, or undefined if it was not read to its end. */
async function scan(
  { handle, stats }: OpenFile,
  scanner: LineScanner,
  { encoding, bomBytes, signal }: WindowOptions,
): Promise<string | undefined> {
  const hash = createHash('sha256')
  // The loop skips the byte order mark itself: one within a file is an ordinary character.
  const decoder = new TextDecoder(encoding, { ignoreBOM: true })
  const isWhole = stats.size <= wholeBytesMax
  // The size at the start is the end: a file that grows during the reading could have no end.
  const end = stats.size > 0n ? Number(stats.size) : unknownBytesMax
  const chunk = Buffer.allocUnsafe(chunkBytes)
  let position = 0
  while (position < end) {
    if (!isWhole && !scanner.isTaking) return undefined
    signal.throwIfAborted()
    const length = Math.min(chunkBytes, end - position)
    const { bytesRead } = await handle.read(chunk, 0, length, position)
    if (bytesRead === 0) break
    const bytes = chunk.subarray(0, bytesRead)
    hash.update(bytes)
    scanner.push(decoder.decode(bytes.subarray(position === 0 ? bomBytes : 0), { stream: true }))
    position += bytesRead
  }
  scanner.push(decoder.decode())
  scanner.end()
  return hash.digest('hex')
}
