/**
 * Finds a passage that the model has quoted in other characters of the same look: curly quotes made
 * straight, a dash made a hyphen, white space at the end of a line left out. Indentation is never
 * forgiven: a tab is not a space. A match must begin and end between whole characters of the file.
 */
export interface FuzzyText {
  text: string
  /** For each line where it begins: in `text`, and in the file. */
  starts: readonly { fuzzy: number; exact: number }[]
  source: string
}

export interface Range {
  start: number
  end: number
}

/** Same length in and out. */
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
  // A lone `\r` is a line's end here, so that a file of an old Mac can be edited at all.
  for (const line of source.split(/[\n\r]/)) {
    const plain = plainLine(line)
    starts.push({ fuzzy, exact })
    lines.push(plain)
    fuzzy += plain.length + 1
    exact += line.length + 1
  }
  return { text: lines.join('\n'), starts, source }
}

/** The passage as it is looked for in a `FuzzyText`; undefined where nothing is left to look for. */
export function fuzzyQuery(old: string): string | undefined {
  const query = old
    .split(/[\n\r]/)
    .map(plainLine)
    .join('\n')
  return query.trim() === '' ? undefined : query
}

/** A range of the fuzzy text as a range of the file; undefined where it cuts a character in two. */
export function exactRange(text: FuzzyText, range: Range): Range | undefined {
  const start = exactIndex(text, range.start)
  const end = exactIndex(text, range.end)
  return start === undefined || end === undefined ? undefined : { start, end }
}

function plainLine(line: string): string {
  return plainText(line).trimEnd()
}

function plainText(text: string): string {
  // Most lines are plain already.
  if (isPlain(text)) return text
  let plain = text.normalize('NFKC')
  for (const [characters, plainOne] of lookAlikes) plain = plain.replace(characters, plainOne)
  return plain
}

const isPlain = (text: string) => !/[\u0080-\uffff]/.test(text)

function exactIndex({ starts, source }: FuzzyText, index: number): number | undefined {
  const number = lineAt(starts, index)
  const line = starts[number]
  if (line === undefined) return undefined
  const end = (starts[number + 1]?.exact ?? source.length + 1) - 1
  const within = indexInLine(source.slice(line.exact, end), index - line.fuzzy)
  return within === undefined ? undefined : line.exact + within
}

function lineAt(starts: FuzzyText['starts'], index: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle]?.fuzzy ?? 0) <= index) low = middle
    else high = middle - 1
  }
  return low
}

/** Where in a line its first `length` plain characters end. */
function indexInLine(line: string, length: number): number | undefined {
  if (isPlain(line)) return length
  const segments = [...graphemes.segment(line)].map(({ segment, index }) => ({
    plain: plainText(segment),
    index,
  }))
  // Characters that become one with their neighbours leave no way back.
  if (segments.map(({ plain }) => plain).join('') !== plainText(line)) return undefined
  let before = 0
  for (const { plain, index } of segments) {
    if (before >= length) return before === length ? index : undefined
    before += plain.length
  }
  return before === length ? line.length : undefined
}
