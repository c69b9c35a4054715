/**
 * Finds a passage that the model quoted with similar characters: straight quotes for curly ones, a
 * hyphen for a dash, no white space at the end of a line. Indentation must be exact: a tab is not a
 * space. A match must begin and end between whole characters of the file.
 */
export interface FuzzyText {
  text: string
  /** The start of each line: in `text` (`fuzzy`), and in the file (`exact`). */
  starts: readonly { fuzzy: number; exact: number }[]
  source: string
  /** A cache by line number: a long line may hold many matches. */
  breaks: Map<number, Breaks | undefined>
}

/** The end of each character of a line: in the line's plain text (`fuzzy`), and in the line (`exact`). */
interface Breaks {
  fuzzy: number[]
  exact: number[]
}

/** Longer lines are not split into characters: that would block the event loop for seconds. */
const lineMax = 256 * 1024

export interface Range {
  start: number
  end: number
}

/** Replacements of one character by one character, so that the length stays the same. */
const lookAlikes: readonly [RegExp, string][] = [
  [/[\u2018\u2019\u201A\u201B\u2032]/g, "'"],
  [/[\u201C\u201D\u201E\u201F\u2033]/g, '"'],
  [/[\u2010-\u2015\u2212]/g, '-'],
  [/[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]/g, ' '],
]

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

export function fuzzyText(source: string): FuzzyText {
  const starts: { fuzzy: number; exact: number }[] = []
  const lines: string[] = []
  let fuzzy = 0
  let exact = 0
  // A lone `\r` ends a line here, so that files with Mac OS 9 line endings can be edited.
  for (const line of source.split(/[\n\r]/)) {
    const plain = plainLine(line)
    starts.push({ fuzzy, exact })
    lines.push(plain)
    fuzzy += plain.length + 1
    exact += line.length + 1
  }
  return { text: lines.join('\n'), starts, source, breaks: new Map() }
}

/** Returns the form of a passage to search in a `FuzzyText`; undefined if the form is blank. */
export function fuzzyQuery(old: string): string | undefined {
  const query = old
    .split(/[\n\r]/)
    .map(plainLine)
    .join('\n')
  return query.trim() === '' ? undefined : query
}

/** Converts a range of the fuzzy text to a range of the file; undefined if it would cut a character. */
export function exactRange(text: FuzzyText, range: Range): Range | undefined {
  const start = exactIndex(text, range.start)
  const end = exactIndex(text, range.end)
  return start === undefined || end === undefined ? undefined : { start, end }
}

function plainLine(line: string): string {
  return plainText(line).trimEnd()
}

function plainText(text: string): string {
  // The fast path: most lines need no change.
  if (isPlain(text)) return text
  let plain = text.normalize('NFKC')
  for (const [characters, plainOne] of lookAlikes) plain = plain.replace(characters, plainOne)
  return plain
}

const isPlain = (text: string) => !/[\u0080-\uffff]/.test(text)

function exactIndex(text: FuzzyText, index: number): number | undefined {
  const { starts, source } = text
  const number = lastAtMost(starts, index)
  const line = starts[number]
  if (line === undefined) return undefined
  const end = (starts[number + 1]?.exact ?? source.length + 1) - 1
  const content = source.slice(line.exact, end)
  if (isPlain(content)) return line.exact + (index - line.fuzzy)
  if (!text.breaks.has(number)) text.breaks.set(number, breaksIn(content))
  const within = exactEnd(text.breaks.get(number), index - line.fuzzy)
  return within === undefined ? undefined : line.exact + within
}

function lastAtMost(starts: FuzzyText['starts'], index: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle]?.fuzzy ?? 0) <= index) low = middle
    else high = middle - 1
  }
  return low
}

function breaksIn(line: string): Breaks | undefined {
  if (line.length > lineMax) return undefined
  const breaks: Breaks = { fuzzy: [0], exact: [0] }
  let plain = ''
  for (const { segment, index } of graphemes.segment(line)) {
    plain += plainText(segment)
    breaks.fuzzy.push(plain.length)
    breaks.exact.push(index + segment.length)
  }
  // If normalization joins a character with its neighbour, positions have no exact counterpart.
  return plain === plainText(line) ? breaks : undefined
}

/** Returns the index in a line at which its first `length` plain characters end. */
function exactEnd(breaks: Breaks | undefined, length: number): number | undefined {
  if (breaks === undefined) return undefined
  let low = 0
  let high = breaks.fuzzy.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((breaks.fuzzy[middle] ?? 0) < length) low = middle + 1
    else high = middle
  }
  return breaks.fuzzy[low] === length ? breaks.exact[low] : undefined
}
