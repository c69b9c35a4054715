/**
 * Where in a text the edits apply. All are looked up in the text as it was before any of them, each
 * must be found exactly once (or may be found often, with `replaceAll`), and no two may touch the
 * same characters. Nothing is decided by position: what is ambiguous is refused.
 */
import { exactRange, fuzzyQuery, type FuzzyText, fuzzyText, type Range } from './fuzzy.ts'

export interface Edit {
  old: string
  new: string
  replaceAll: boolean
}

export interface Match extends Range {
  /** What takes the place, with `\n` for its line endings. */
  replacement: string
  /** Index of the edit. */
  edit: number
  isFuzzy: boolean
}

/** So many places of a passage are named where it is found too often. */
const placesNamedMax = 5
const matchesMax = 100_000

/**
 * The matches in the order of the text.
 * @throws Error that says which edit fails, and how it can be mended
 */
export function matchEdits(text: string, edits: readonly Edit[]): Match[] {
  // Made once, and only if an edit needs it: a large file takes a while.
  let fuzzy: FuzzyText | undefined
  const matches = edits.flatMap((edit, index) => {
    const label = edits.length === 1 ? 'The edit' : `Edit ${index + 1} of ${edits.length}`
    checkEdit(edit, label)
    let ranges = exactMatches(text, edit)
    const isFuzzy = ranges.length === 0
    if (isFuzzy) ranges = fuzzyMatches((fuzzy ??= fuzzyText(text)), edit)
    if (ranges.length === 0) throw notFound(text, edit, label)
    if (ranges.length > 1 && !edit.replaceAll) throw ambiguous(text, ranges, label)
    return ranges.map((range) => ({ ...range, replacement: edit.new, edit: index, isFuzzy }))
  })
  matches.sort((one, other) => one.start - other.start)
  for (const [index, match] of matches.entries()) {
    const next = matches[index + 1]
    if (next !== undefined && next.start < match.end) throw overlapping(match, next)
  }
  return matches
}

function checkEdit(edit: Edit, label: string): void {
  if (edit.old === '') {
    throw new Error(
      `${label} has an empty "old". To make a file or fill an empty one use write_file.`,
    )
  }
  if (edit.old === edit.new)
    throw new Error(`${label} changes nothing: "old" and "new" are the same.`)
}

/** Without `replaceAll` places that overlap count too: "aa" is ambiguous in "aaa". */
function exactMatches(text: string, { old, replaceAll }: Edit): Range[] {
  const step = replaceAll ? old.length : 1
  const ranges: Range[] = []
  for (let at = text.indexOf(old); at !== -1; at = text.indexOf(old, at + step)) {
    ranges.push({ start: at, end: at + old.length })
    if (!replaceAll && ranges.length > placesNamedMax) break
    if (ranges.length > matchesMax) throw new Error(`"old" is found over ${matchesMax} times.`)
  }
  return ranges
}

function fuzzyMatches(text: FuzzyText, edit: Edit): Range[] {
  const query = fuzzyQuery(edit.old)
  if (query === undefined) return []
  return exactMatches(text.text, { ...edit, old: query })
    .map((range) => exactRange(text, range))
    .filter((range) => range !== undefined)
}

function notFound(text: string, edit: Edit, label: string): Error {
  const line = lineOfLookAlike(text, edit.old)
  const hint =
    line === undefined
      ? text.includes(edit.new) && edit.new.trim() !== ''
        ? ' Its "new" is in the file already: perhaps there is nothing to do.'
        : ' Read the file again, and leave the line numbers out.'
      : ` Line ${line} begins a passage that differs from it in white space only.`
  return new Error(`${label} does not apply: "old" is not in the file.${hint}`)
}

/** Quoting a long file with wrong indentation is the commonest mistake of models. */
function lineOfLookAlike(text: string, old: string): number | undefined {
  const wanted = bareLines(old)
  const lines = bareLines(text)
  const [first] = wanted
  if (first === undefined) return undefined
  const start = lines.findIndex(
    ({ bare }, index) =>
      bare === first.bare &&
      wanted.every((line, offset) => lines[index + offset]?.bare === line.bare),
  )
  return lines[start]?.number
}

/** Lines without their white space, but for those that have nothing else. */
function bareLines(text: string): { bare: string; number: number }[] {
  return text
    .split('\n')
    .map((line, index) => ({ bare: line.replace(/\s+/g, ''), number: index + 1 }))
    .filter(({ bare }) => bare !== '')
}

function ambiguous(text: string, ranges: readonly Range[], label: string): Error {
  const lines = ranges.slice(0, placesNamedMax).map(({ start }) => lineOf(text, start))
  const more = ranges.length > placesNamedMax ? ' and more' : ''
  return new Error(
    `${label} is ambiguous: "old" is found at lines ${lines.join(', ')}${more}. Quote more of what ` +
      'is around it, or set replace_all.',
  )
}

function overlapping(one: Match, other: Match): Error {
  return new Error(
    `Edits ${one.edit + 1} and ${other.edit + 1} overlap: make one edit of them. All are looked up in ` +
      'the file as it was before any of them.',
  )
}

function lineOf(text: string, index: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++
  return line
}
