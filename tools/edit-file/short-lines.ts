/**
 * Lines of a diff, none of them long. Of a minified line only the change and a little around it is
 * shown: the whole line, twice, would fill the model's window and hide what was changed.
 */

/** A line of more characters is cut. */
const lineCharsMax = 500
/** Characters that are shown on each side of a change. */
const contextChars = 80

/** @param lines of one hunk, each with its sign in front */
export function shortLines(lines: readonly string[]): string[] {
  if (lines.every(({ length }) => length <= lineCharsMax)) return [...lines]
  const removed = lines.filter((line) => line.startsWith('-'))
  const added = lines.filter((line) => line.startsWith('+'))
  return lines.map((line) => {
    if (line.length <= lineCharsMax) return line
    const partner = partnerOf(line, removed, added)
    return partner === undefined ? cut(line, 1, line.length) : aroundChange(line, partner)
  })
}

/** The line that took its place, or that it took the place of: the one at the same position. */
function partnerOf(
  line: string,
  removed: readonly string[],
  added: readonly string[],
): string | undefined {
  if (line.startsWith('-')) return added[removed.indexOf(line)]
  if (line.startsWith('+')) return removed[added.indexOf(line)]
  return undefined
}

function aroundChange(line: string, partner: string): string {
  const shorter = Math.min(line.length, partner.length)
  let start = 1
  while (start < shorter && line[start] === partner[start]) start++
  let tail = 0
  while (tail < shorter - start && line.at(-1 - tail) === partner.at(-1 - tail)) tail++
  return cut(line, start, line.length - tail)
}

/** The part of a line from one place to another, with a little around it, behind the line's sign. */
function cut(line: string, from: number, to: number): string {
  const start = Math.max(1, from - contextChars)
  const end = Math.min(line.length, Math.min(to, start + lineCharsMax) + contextChars)
  // Never half of a surrogate pair.
  const shown = line.slice(start, end).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '')
  const before = start > 1 ? `[${start - 1} characters] ` : ''
  const after = end < line.length ? ` [${line.length - end} characters]` : ''
  return `${line[0]}${before}${shown}${after}`
}
