/** Reads scopes from a claim or a header: words such as `chat` or `loom:chat`. */
import { isScope, type Scope } from '../../src/ground/principal.ts'

/** @param value a text with words, or a list of words. Words that are no scopes of Loom are ignored. */
export function scopesIn(value: unknown): Scope[] {
  const words =
    typeof value === 'string' ? value.split(/[\s,]+/) : Array.isArray(value) ? value : []
  return words
    .map((word: unknown) => (typeof word === 'string' ? word.replace(/^loom:/, '') : word))
    .filter(isScope)
}
