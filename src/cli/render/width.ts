/** The width of a text in columns of a terminal. Wide characters and emoji have two columns. */
import { stripVTControlCharacters } from 'node:util'

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

// East Asian wide and full-width blocks, approximately. An error of one column in a rare script is
// harmless.
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]/u
const emoji = /^\p{Emoji_Presentation}|\ufe0f/u
const invisible = /^[\p{Mn}\p{Me}\p{Cf}]+$/u

export function widthOf(text: string): number {
  const bare = text.includes('\u001b') ? stripVTControlCharacters(text) : text
  if (/^[ -~]*$/.test(bare)) return bare.length
  let width = 0
  for (const { segment } of segmenter.segment(bare)) {
    if (!invisible.test(segment)) width += wide.test(segment) || emoji.test(segment) ? 2 : 1
  }
  return width
}

/**
 * Cuts a text to `columns` columns and ends it with `…` if it was longer. It must contain no escape
 * sequences.
 */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let width = 0
  let cut = ''
  for (const { segment } of segmenter.segment(text)) {
    width += widthOf(segment)
    if (width > columns - 1) break
    cut += segment
  }
  return `${cut}…`
}
