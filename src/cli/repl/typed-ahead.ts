/** What was typed while an answer is made, as it is shown below it: keys come as the terminal sends them. */
import { stripVTControlCharacters } from 'node:util'

import { plain } from '../render/plain.ts'
import { pasteEnd, pasteStart } from './question-guard.ts'

export interface TypedAhead {
  /** Whole lines, which are sent one after another when the answer is over. */
  queued: string[]
  /** The line that is being typed. */
  text: string
}

export function typedAhead(keys: string): TypedAhead {
  const lines = keys
    .split(pasteStart)
    .map((piece, index) => (index === 0 ? piece : withoutLines(piece)))
    .join('')
    .split(/[\r\n]/)
    .map(shown)
  return {
    queued: lines.slice(0, -1).filter((line) => line.trim() !== ''),
    text: lines.at(-1) ?? '',
  }
}

/** A paste is one piece of a line, however many lines it has. */
function withoutLines(piece: string): string {
  const [pasted = '', ...rest] = piece.split(pasteEnd)
  return pasted.replace(/\r\n?|\n/g, '⏎') + rest.join('')
}

/** Backspace takes the last character back, Ctrl-U all of them; arrows and their like wait for the line. */
function shown(line: string): string {
  const characters: string[] = []
  for (const character of stripVTControlCharacters(line)) {
    if (character === '\u007f' || character === '\b') characters.pop()
    else if (character === '\u0015') characters.length = 0
    else characters.push(character)
  }
  return plain(characters.join(''))
}
