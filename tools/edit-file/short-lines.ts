/**
 * Shortens the long lines of a diff. Of a minified line it keeps the change and some characters around it:
 * two copies of the whole line would fill the model's context window and hide the change.
 */

/** Longer lines are cut. */
const lineCharsMax = 500
/** The number of characters to keep on each side of a change. */
const contextChars = 80

/** @param lines the lines of one hunk, each with its sign in front */
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

/** Returns the counterpart of a removed or added line: the line at the same position of the other list. */
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

/** Returns the sign of a line, and its part from one index to another with some characters around it. */
function cut(line: string, from: number, to: number): string {
  const start = Math.max(1, from - contextChars)
  const end = Math.min(line.length, Math.min(to, start + lineCharsMax) + contextChars)
  // Half of a surrogate pair at an end is removed.
  const shown = line.slice(start, end).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '')
  const before = start > 1 ? `[${start - 1} characters] ` : ''
  const after = end < line.length ? ` [${line.length - end} characters]` : ''
  return `${line[0]}${before}${shown}${after}`
}
