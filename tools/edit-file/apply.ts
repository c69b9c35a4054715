/**
 * The bytes of a file with edits made in them. What is not edited keeps every byte: a byte order mark,
 * each line's own ending, the last line's lack of one.
 */
import { isUtf8 } from 'node:buffer'

import { originalIndex, unixText, withEndings } from './line-endings.ts'
import { type Edit, matchEdits } from './match.ts'

export interface Edited {
  before: string
  after: string
  replacements: number
  /** Some passage was found only by its look. */
  isFuzzy: boolean
}

const bom = '\uFEFF'

/** @throws Error where an edit does not apply, or the content is no UTF-8 text */
export function applyEdits(content: Buffer, edits: readonly Edit[]): Edited {
  if (!isUtf8(content)) {
    throw new Error('The file is not UTF-8 text, and an edit would damage it. Use other means.')
  }
  const before = content.toString()
  const hasBom = before.startsWith(bom)
  const source = unixText(hasBom ? before.slice(1) : before)
  const matches = matchEdits(source.text, edits.map(plainEdit))
  const pieces = [hasBom ? bom : '']
  let done = 0
  for (const match of matches) {
    pieces.push(source.original.slice(done, originalIndex(source, match.start)))
    pieces.push(withEndings(source, match, match.replacement))
    done = originalIndex(source, match.end)
  }
  const after = pieces.join('') + source.original.slice(done)
  if (after === before) throw new Error('The edits change nothing: the file would stay as it is.')
  const isFuzzy = matches.some((match) => match.isFuzzy)
  return { before, after, replacements: matches.length, isFuzzy }
}

/** The file's endings are what counts, and its mark at the start is no part of a passage. */
function plainEdit(edit: Edit): Edit {
  return { ...edit, old: plain(edit.old), new: plain(edit.new) }
}

const plain = (text: string) => {
  const unix = text.replaceAll('\r\n', '\n')
  return unix.startsWith(bom) ? unix.slice(1) : unix
}
