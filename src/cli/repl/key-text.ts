/**
 * Functions on the input of a terminal, which contains control characters and the marks of a paste.
 */
import { plain } from '../render/plain.ts'
import { pasteEnd, pasteStart } from './question-guard.ts'

export const suspendKey = '\u001a'

/**
 * Restores line feeds. readline separates the lines of an entry by carriage returns (Node.js 24 and
 * later).
 */
export const whole = (line: string): string => line.replaceAll('\r', '\n')

/** Whether this index is lower than all others. An index of -1 among the others is ignored. */
export const isFirst = (index: number, others: readonly number[]): boolean =>
  others.every((other) => other === -1 || index < other)

/** Whether the keys contain Ctrl-Z outside a paste. */
export function hasSuspendKey(keys: string): boolean {
  const at = keys.indexOf(suspendKey)
  return at !== -1 && !keys.slice(0, at).includes(pasteStart)
}

/**
 * Keeps the tabs and line ends of a paste. A terminal would execute other control characters, so
 * they become visible.
 */
export const harmless = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => (/[\t\n]/.test(character) ? character : plain(character)))

/**
 * The number of characters at the end that may be an incomplete mark. A single Escape key is not
 * one.
 */
export function halfMark(text: string): number {
  for (let length = pasteStart.length - 1; length > 2; length--) {
    const end = text.slice(-length)
    if (pasteStart.startsWith(end) || pasteEnd.startsWith(end)) return end.length
  }
  return 0
}
