/** Collects the lines of a search until it has reached the limit of matches and one more is known. */
import type { GlobPattern } from '../glob/pattern.ts'
import { type FoundLine, pathInBeginning, readRecord } from './found-line.ts'

/** More bytes than any listing can hold. */
const bytesMax = 256 * 1024

export interface FoundLinesOptions {
  limit: number
  /** The number of lines around a match. */
  context: number
  /** Selects files; undefined selects all. */
  pattern: GlobPattern | undefined
}

export class FoundLines {
  lines: FoundLine[] = []
  matches = 0
  /** Whether there are more matches than the limit. */
  hasMore = false
  /** Binary files with a match. */
  readonly binaries: string[] = []
  /** Files with a match in a line that is too long to keep. */
  readonly longLines = new Set<string>()
  readonly #options: FoundLinesOptions
  #bytes = 0

  constructor(options: FoundLinesOptions) {
    this.#options = options
  }

  /** Receives a record. Returns false to end the search. */
  take(record: Buffer, isCut: boolean): boolean {
    if (isCut) {
      this.#noteLongLine(pathInBeginning(record))
      return true
    }
    const result = readRecord(record)
    if (result === undefined) return true
    if (result.type === 'end') {
      if (result.isBinary) this.#dropBinary(result.path)
      return true
    }
    const { line } = result
    if (!this.#isSelected(line.path)) return true
    if (line.isMatch && this.matches === this.#options.limit) {
      this.hasMore = true
      this.#dropLead()
      return false
    }
    if (line.isMatch) this.matches++
    this.lines.push(line)
    this.#bytes += line.bytes.length
    this.hasMore = this.#bytes > bytesMax
    return !this.hasMore
  }

  #isSelected(path: string): boolean {
    return this.#options.pattern?.matches(path) ?? true
  }

  /** Removes the lines of a binary file. They are no real lines, so only the match is reported. */
  #dropBinary(path: string): void {
    const matches = this.lines.filter((line) => line.path === path && line.isMatch).length
    if (matches === 0) return
    this.lines = this.lines.filter((line) => line.path !== path)
    this.matches -= matches
    this.binaries.push(path)
  }

  #noteLongLine(path: string | undefined): void {
    if (path !== undefined && this.#isSelected(path)) this.longLines.add(path)
  }

  /** Removes the context lines of a match that is beyond the limit. */
  #dropLead(): void {
    const last = this.lines.findLast(({ isMatch }) => isMatch)
    if (last === undefined) return
    const end = last.number + this.#options.context
    this.lines = this.lines.filter(
      ({ path, number, isMatch }) => isMatch || path !== last.path || number <= end,
    )
    // The lines after the last match may belong to another file.
    const index = this.lines.lastIndexOf(last)
    this.lines = this.lines.filter((line, at) => at <= index || line.path === last.path)
  }
}
