/** Formats the lines of a search: `path:line: text` for a match, `path-line- text` for its context. */
import { cutToLength } from '../../src/ground/cut-text.ts'
import type { FoundLine } from './found-line.ts'

export const lineCharsMax = 500
const bytesMax = 50 * 1024

export interface Listing {
  text: string
  /** The number of matches in the text. */
  matches: number
  /** Whether lines are missing since the text would be too long. */
  isCut: boolean
}

export function listingOf(lines: readonly FoundLine[], context: number): Listing {
  const texts: string[] = []
  let matches = 0
  let bytes = 0
  let previous: FoundLine | undefined
  for (const line of lines) {
    const isNext = previous?.path === line.path && previous.number + 1 === line.number
    const text = (context > 0 && previous !== undefined && !isNext ? '--\n' : '') + lineText(line)
    bytes += Buffer.byteLength(text) + 1
    if (bytes > bytesMax) return { text: texts.join('\n'), matches, isCut: true }
    texts.push(text)
    if (line.isMatch) matches++
    previous = line
  }
  return { text: texts.join('\n'), matches, isCut: false }
}

function lineText({ path, number, isMatch, bytes, isCutBefore, isCutAfter }: FoundLine): string {
  const whole = new TextDecoder().decode(bytes)
  const text = cutToLength(whole, lineCharsMax)
  const end = isCutAfter || text.length < whole.length ? '…' : ''
  const mark = isMatch ? ':' : '-'
  return `${path}${mark}${number}${mark} ${isCutBefore ? '…' : ''}${text}${end}`
}
