/** Found lines as text: `path:line: text`, and `path-line- text` for the lines around them. */
import { cutToLength } from '../cut-text.ts'
import type { FoundLine } from './found-line.ts'

export const lineCharsMax = 500
const bytesMax = 50 * 1024

export interface Listing {
  text: string
  /** Matches in it. */
  matches: number
  /** Found, but there was no room for them. */
  isCut: boolean
}

export function listingOf(lines: readonly FoundLine[], context: number): Listing {
  const shown: string[] = []
  let matches = 0
  let bytes = 0
  let before: FoundLine | undefined
  for (const line of lines) {
    const isNext = before?.path === line.path && before.number + 1 === line.number
    const text = (context > 0 && before !== undefined && !isNext ? '--\n' : '') + lineText(line)
    bytes += Buffer.byteLength(text) + 1
    if (bytes > bytesMax) return { text: shown.join('\n'), matches, isCut: true }
    shown.push(text)
    if (line.isMatch) matches++
    before = line
  }
  return { text: shown.join('\n'), matches, isCut: false }
}

function lineText({ path, number, isMatch, bytes, isCutBefore, isCutAfter }: FoundLine): string {
  const whole = new TextDecoder().decode(bytes)
  const text = cutToLength(whole, lineCharsMax)
  const end = isCutAfter || text.length < whole.length ? '…' : ''
  const mark = isMatch ? ':' : '-'
  return `${path}${mark}${number}${mark} ${isCutBefore ? '…' : ''}${text}${end}`
}
