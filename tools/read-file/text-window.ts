/**
 * Some lines of a text file, numbered, within what a model can take: so many lines, so many characters
 * of each, so many bytes of all. Small files are read to the end, so that their lines are counted and
 * their content is known by its hash; of a large one no more is read than is shown.
 */
import { createHash } from 'node:crypto'

import type { OpenFile } from '../../src/workspace.ts'
import { type Line, LineScanner } from './line-scanner.ts'

export const linesMax = 2000
export const lineCharsMax = 2000
export const bytesMax = 50 * 1024

/** What a file of unknown length (`/proc` says 0) may hold. */
const unknownBytesMax = 10 * 1024 * 1024
/** Files up to here are read whole. */
const wholeBytesMax = 4 * 1024 * 1024
const chunkBytes = 64 * 1024

export interface WindowOptions {
  encoding: string
  bomBytes: number
  /** First line, counted from 1. */
  offset: number
  /** At most so many lines. */
  limit: number
  signal: AbortSignal
}

export interface TextWindow {
  /** Each as `N: text`. */
  lines: string[]
  firstLine: number
  /** Whether more follows what is shown. */
  hasMore: boolean
  /** Lines of the file, where it was read to its end. */
  total: number | undefined
  /** SHA-256 of the file, where it was read to its end. */
  hash: string | undefined
  /** Lines that are shown in part. */
  cutLines: number
}

export async function readWindow(file: OpenFile, options: WindowOptions): Promise<TextWindow> {
  const shown = new ShownLines(options.limit)
  const scanner = new LineScanner({
    first: options.offset,
    charsMax: lineCharsMax,
    take: (line) => shown.take(line),
  })
  const hash = await scan(file, scanner, options)
  const { lines, cutLines } = shown
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

/** Numbered lines until one of the limits is met. */
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
    // The first always fits: a line is cut long before it could fill the window.
    if (this.#bytes > bytesMax) return false
    this.lines.push(line)
    if (isCut) this.cutLines++
    return this.lines.length < this.#limit
  }
}

/** Feeds the file to the scanner; its hash if it was read to the end. */
async function scan(
  { handle, stats }: OpenFile,
  scanner: LineScanner,
  { encoding, bomBytes, signal }: WindowOptions,
): Promise<string | undefined> {
  const hash = createHash('sha256')
  // The BOM is skipped by hand: one in the middle of a file is a character like others.
  const decoder = new TextDecoder(encoding, { ignoreBOM: true })
  const isWhole = stats.size <= wholeBytesMax
  // A file that grows faster than it is read would never end.
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
