/**
 * A text with `\n` for every line ending, and the way back: models say `\n`, files may say `\r\n`, and
 * both in one file. Positions in the one are turned into positions in the other, so that what is not
 * edited is never rewritten.
 */
export interface UnixText {
  /** With `\n` where the original has `\r\n`. A lone `\r` is a character like others. */
  text: string
  original: string
  /** Where in `text` the line ending was `\r\n`, ascending. */
  returns: readonly number[]
}

export function unixText(original: string): UnixText {
  const returns: number[] = []
  for (let at = original.indexOf('\r\n'); at !== -1; at = original.indexOf('\r\n', at + 2)) {
    returns.push(at - returns.length)
  }
  const text = returns.length === 0 ? original : original.replaceAll('\r\n', '\n')
  return { text, original, returns }
}

/** The place in the original between the same two characters. */
export function originalIndex({ returns }: UnixText, index: number): number {
  let low = 0
  let high = returns.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((returns[middle] ?? index) < index) low = middle + 1
    else high = middle
  }
  return index + low
}

export interface Passage {
  start: number
  end: number
  /** Whether the passage was found with its lone `\r`s taken for line endings. */
  isFuzzy: boolean
}

/**
 * What is put in the place of a passage, with the line endings that the passage had, one for one; where
 * it has more lines than the passage, the last of those or the nearest one of the file.
 */
export function withEndings(source: UnixText, passage: Passage, text: string): string {
  const parts = text.split('\n')
  if (parts.length === 1) return text
  const known = endingsIn(source, passage)
  const last = known.at(-1) ?? nearestEnding(source, passage)
  return parts
    .map((part, index) => (index === 0 ? part : (known[index - 1] ?? last) + part))
    .join('')
}

function endingsIn(source: UnixText, { start, end, isFuzzy }: Passage): string[] {
  const breaks = source.text.slice(start, end).matchAll(isFuzzy ? /[\n\r]/g : /\n/g)
  return [...breaks].map(({ index }) => endingAt(source, start + index))
}

function nearestEnding(source: UnixText, { start, end }: Passage): string {
  const after = source.text.indexOf('\n', end)
  if (after !== -1) return endingAt(source, after)
  const before = start === 0 ? -1 : source.text.lastIndexOf('\n', start - 1)
  if (before !== -1) return endingAt(source, before)
  // No line ends in `\n`: a file of an old Mac, or one line.
  return source.text.includes('\r') ? '\r' : '\n'
}

function endingAt(source: UnixText, index: number): string {
  const at = originalIndex(source, index)
  if (source.original[at] === '\n') return '\n'
  return source.original[at + 1] === '\n' ? '\r\n' : '\r'
}
