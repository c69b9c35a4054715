/** Breaks texts for the user into lines of a terminal, between their words. */
import { wordsOfText } from './inline.ts'
import { LineSetter } from './line-setter.ts'
import { widthOf } from './width.ts'

/**
 * Returns the lines of a text, each at most `width` columns wide. A line that fits is not changed.
 * The rest of a longer line follows on further lines after `indent`. A word that is wider than a
 * line is not broken, so that an address can be copied.
 *
 * @param text a text without control characters and styles
 */
export function breakLines(text: string, width: number, indent = ''): string[] {
  return text.split('\n').flatMap((line) => breakLine(line, width, indent))
}

function breakLine(line: string, width: number, indent: string): string[] {
  if (widthOf(line) <= width) return [line]
  const [first = ''] = /^ */.exec(line) ?? []
  let set = ''
  const indentWidth = Math.max(first.length, indent.length)
  const write = (text: string) => (set += text)
  const setter = new LineSetter({ width, write, first, indent, indentWidth })
  setter.add(wordsOfText(line))
  return set.split('\n')
}
