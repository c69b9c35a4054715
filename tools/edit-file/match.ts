/**
 * Finds the passages that the edits replace. All edits apply to the same original text. Each passage must
 * occur exactly once (or at least once, with `replaceAll`), and no two may overlap. An ambiguous passage
 * is an error; its position never decides.
 */
import { exactRange, fuzzyQuery, type FuzzyText, fuzzyText, type Range } from './fuzzy.ts'

export interface Edit {
  old: string
  new: string
  replaceAll: boolean
}

export interface Match extends Range {
  /** The new text, with `\n` as its line ending. */
  replacement: string
  /** The index of the edit. */
  edit: number
  isFuzzy: boolean
}

/** The number of places that the error for an ambiguous passage names. */
const placesNamedMax = 5
const matchesMax = 100_000

/**
 * Returns the matches in the order of the text.
 * @throws Error that names the edit that fails, and how to correct it
 */
export function matchEdits(text: string, edits: readonly Edit[]): Match[] {
  // Created once, and only if an edit needs it, since it is slow for a large file.
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
      `${label} has an empty "old". To create a file or fill an empty one use write_file.`,
    )
  }
  if (edit.old === edit.new)
    throw new Error(`${label} changes nothing: "old" and "new" are the same.`)
}

/** Without `replaceAll` overlapping places count too: "aa" is ambiguous in "aaa". */
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
        : ' Read the file again, and omit the line numbers.'
      : ` Line ${line} begins a passage that differs from it in white space only.`
  return new Error(`${label} does not apply: "old" is not in the file.${hint}`)
}

/**
 * Returns the number of the line at which a passage begins that differs in white space only. Wrong
 * indentation is the most frequent mistake of models.
 */
function lineOfLookAlike(text: string, old: string): number | undefined {
  const passage = bareLines(old)
  if (passage.length === 0) return undefined
  const lines = bareLines(text)
  // One search over the joined lines: line by line, a file of equal lines takes quadratic time.
  const joined = (list: typeof lines) => `\n${list.map(({ bare }) => bare).join('\n')}\n`
  const all = joined(lines)
  const start = all.indexOf(joined(passage))
  if (start === -1) return undefined
  const before = all.slice(0, start).split('\n').length - 1
  return lines[before]?.number
}

/** Returns the lines without their white space, and leaves blank lines out. */
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
    `${label} is ambiguous: "old" is found at lines ${lines.join(', ')}${more}. Quote more of the ` +
      'text around it, or set replace_all.',
  )
}

function overlapping(one: Match, other: Match): Error {
  return new Error(
    `Edits ${one.edit + 1} and ${other.edit + 1} overlap: make one edit of them. All edits of a call ` +
      'apply to the file as it was before the call.',
  )
}

function lineOf(text: string, index: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++
  return line
}
