/**
 * Converts line endings to `\n` and back: models write `\n`, and a file may use `\r\n` or both. The
 * module converts positions between the two texts, so that an edit rewrites nothing else.
 */
export interface UnixText {
  /** The original with `\n` for each `\r\n`. A lone `\r` is an ordinary character. */
  text: string
  original: string
  /** Indexes of each `\n` in `text` that was `\r\n`, ascending. */
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

/** Converts an index of the text to the index of the original. */
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
  /** Whether the search that found the passage counted a lone `\r` as a line ending. */
  isFuzzy: boolean
}

/**
 * Returns the replacement of a passage with the line endings of that passage, one for one. Further lines
 * take the last ending of the passage, or the nearest ending of the file if the passage has none.
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
  // No line ends in `\n`: a file with Mac OS 9 line endings, or a single line.
  return source.text.includes('\r') ? '\r' : '\n'
}

function endingAt(source: UnixText, index: number): string {
  const at = originalIndex(source, index)
  if (source.original[at] === '\n') return '\n'
  return source.original[at + 1] === '\n' ? '\r\n' : '\r'
}
