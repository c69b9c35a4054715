/** The text of keys as a terminal sends it: control characters and the marks of a paste. */
import { plain } from '../render/plain.ts'
import { pasteEnd, pasteStart } from './question-guard.ts'

export const suspendKey = '\u001a'

/** readline separates the lines of an entry by carriage returns (Node 24 and later). */
export const whole = (line: string): string => line.replaceAll('\r', '\n')

/** Whether none of the other places that were found is before this one. */
export const isFirst = (place: number, others: readonly number[]): boolean =>
  others.every((other) => other === -1 || place < other)

/** Ctrl-Z, but not as a character of a paste. */
export function hasSuspendKey(keys: string): boolean {
  const at = keys.indexOf(suspendKey)
  return at !== -1 && !keys.slice(0, at).includes(pasteStart)
}

/** Tabs and line ends are part of what was pasted; other controls would be obeyed by the terminal. */
export const harmless = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => (/[\t\n]/.test(character) ? character : plain(character)))

/** How many characters at the end may be the beginning of a mark; an Escape key alone is none. */
export function halfMark(text: string): number {
  for (let length = pasteStart.length - 1; length > 2; length--) {
    const end = text.slice(-length)
    if (pasteStart.startsWith(end) || pasteEnd.startsWith(end)) return end.length
  }
  return 0
}
