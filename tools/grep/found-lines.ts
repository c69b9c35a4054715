/** The lines of a search, until there are as many matches as are wanted and one is known to follow. */
import type { GlobPattern } from '../glob/pattern.ts'
import { type FoundLine, pathInBeginning, readRecord } from './found-line.ts'

/** More than this has no room in a listing, whatever is shown of each line. */
const bytesMax = 256 * 1024

export interface FoundLinesOptions {
  limit: number
  /** Lines around a match. */
  context: number
  /** Of files of a directory; undefined for all. */
  pattern: GlobPattern | undefined
}

export class FoundLines {
  lines: FoundLine[] = []
  matches = 0
  /** More matches than are wanted. */
  hasMore = false
  /** Files in which something was found that is no text. */
  readonly binaries: string[] = []
  /** Files with a match in a line of megabytes. */
  readonly longLines = new Set<string>()
  readonly #options: FoundLinesOptions
  #bytes = 0

  constructor(options: FoundLinesOptions) {
    this.#options = options
  }

  /** False when no more are wanted. */
  take(record: Buffer, isCut: boolean): boolean {
    if (isCut) {
      this.#noteLongLine(pathInBeginning(record))
      return true
    }
    const found = readRecord(record)
    if (found === undefined) return true
    if (found.type === 'end') {
      if (found.isBinary) this.#dropBinary(found.path)
      return true
    }
    const { line } = found
    if (!this.#isWanted(line.path)) return true
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

  #isWanted(path: string): boolean {
    return this.#options.pattern?.matches(path) ?? true
  }

  /** Its lines end anywhere: that there is a match is all that can be said. */
  #dropBinary(path: string): void {
    const matches = this.lines.filter((line) => line.path === path && line.isMatch).length
    if (matches === 0) return
    this.lines = this.lines.filter((line) => line.path !== path)
    this.matches -= matches
    this.binaries.push(path)
  }

  #noteLongLine(path: string | undefined): void {
    if (path !== undefined && this.#isWanted(path)) this.longLines.add(path)
  }

  /** Lines that lead to a match which is not shown are the context of nothing. */
  #dropLead(): void {
    const last = this.lines.findLast(({ isMatch }) => isMatch)
    if (last === undefined) return
    const end = last.number + this.#options.context
    this.lines = this.lines.filter(
      ({ path, number, isMatch }) => isMatch || path !== last.path || number <= end,
    )
    // The one after it may be of another file.
    const index = this.lines.lastIndexOf(last)
    this.lines = this.lines.filter((line, at) => at <= index || line.path === last.path)
  }
}
