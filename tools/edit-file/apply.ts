/**
 * Applies edits to the bytes of a file. All other bytes stay the same: a byte order mark, the ending of
 * each line, and a last line without an ending.
 */
import { isUtf8 } from 'node:buffer'

import { originalIndex, unixText, withEndings } from './line-endings.ts'
import { type Edit, matchEdits } from './match.ts'

export interface EditResult {
  before: string
  after: string
  replacements: number
  /** Whether some passage matched only by similarity (`fuzzy.ts`). */
  isFuzzy: boolean
}

const bom = '\uFEFF'

/** @throws Error if an edit does not apply, or the content is not UTF-8 text */
export function applyEdits(content: Buffer, edits: readonly Edit[]): EditResult {
  if (!isUtf8(content)) {
    throw new Error('The file is not UTF-8 text, and an edit would damage it. Use other means.')
  }
  const before = content.toString()
  const hasBom = before.startsWith(bom)
  const source = unixText(hasBom ? before.slice(1) : before)
  const matches = matchEdits(source.text, edits.map(plainEdit))
  const pieces = [hasBom ? bom : '']
  let position = 0
  for (const match of matches) {
    pieces.push(source.original.slice(position, originalIndex(source, match.start)))
    pieces.push(withEndings(source, match, match.replacement))
    position = originalIndex(source, match.end)
  }
  const after = pieces.join('') + source.original.slice(position)
  if (after === before) throw new Error('The edits change nothing: the file would stay as it is.')
  const isFuzzy = matches.some((match) => match.isFuzzy)
  return { before, after, replacements: matches.length, isFuzzy }
}

/**
 * Normalizes an edit: the line endings come from the file, and a byte order mark at its start is no part
 * of a passage.
 */
function plainEdit(edit: Edit): Edit {
  return { ...edit, old: plain(edit.old), new: plain(edit.new) }
}

const plain = (text: string) => {
  const unix = text.replaceAll('\r\n', '\n')
  return unix.startsWith(bom) ? unix.slice(1) : unix
}
