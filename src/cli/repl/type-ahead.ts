/** Converts the keys that arrive during an answer to the lines that the screen shows below it. */
import { stripVTControlCharacters } from 'node:util'

import { plain } from '../render/plain.ts'
import { pasteEnd, pasteStart } from './question-guard.ts'

export interface TypeAhead {
  /** Complete lines, which are sent one after another after the answer. */
  queued: string[]
  /** The incomplete line. */
  text: string
}

export function typeAhead(keys: string): TypeAhead {
  const lines = keys
    .split(pasteStart)
    .map((piece, index) => (index === 0 ? piece : withoutLines(piece)))
    .join('')
    .split(/[\r\n]/)
    .map(visibleText)
  return {
    queued: lines.slice(0, -1).filter((line) => line.trim() !== ''),
    text: lines.at(-1) ?? '',
  }
}

/** A paste is part of one line, even if it has several lines. */
function withoutLines(piece: string): string {
  const [pasted = '', ...rest] = piece.split(pasteEnd)
  return pasted.replace(/\r\n?|\n/g, '⏎') + rest.join('')
}

/**
 * Applies Backspace and Ctrl-U to a line. Arrow keys have an effect only when the line is edited.
 */
function visibleText(line: string): string {
  const characters: string[] = []
  for (const character of stripVTControlCharacters(line)) {
    if (character === '\u007f' || character === '\b') characters.pop()
    else if (character === '\u0015') characters.length = 0
    else characters.push(character)
  }
  return plain(characters.join(''))
}
