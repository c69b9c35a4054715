/**
 * Finds a name that looks like another one and differs in its bytes: macOS stores an accent as a separate
 * character and puts narrow spaces into the names of screenshots, and models replace curly quotes with
 * plain ones.
 */
const spaces = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g
const invisible = /[\u00ad\u200b-\u200f\u2060\ufeff]|\ufe0e|\ufe0f/g
const singleQuotes = /[\u2018\u2019\u201a\u201b\u02bc\u2032]/g
const doubleQuotes = /[\u201c\u201d\u201e\u201f\u2033]/g
const dashes = /[\u2010-\u2015\u2212]/g

/** How two names may differ. */
export type Similarity =
  /** In the composition of characters, in the kind of space, and in characters without a width. */
  | 'invisible'
  /** Also in the shape of quotes and dashes. */
  | 'visible'

/** Returns the one name that looks like `wanted`; undefined if no name does, or several do. */
export function similarName(
  wanted: string,
  names: readonly string[],
  similarity: Similarity,
): string | undefined {
  const lookOf = similarity === 'visible' ? plainForm : visibleForm
  const look = lookOf(wanted)
  const candidates = names.filter((name) => lookOf(name) === look)
  return candidates.length === 1 ? candidates[0] : undefined
}

const visibleForm = (name: string): string =>
  name.normalize('NFC').replaceAll(spaces, ' ').replaceAll(invisible, '')

/** Returns a form that is equal for all names that look alike. Also takes paths and glob patterns. */
export const plainForm = (name: string): string =>
  visibleForm(name)
    .replaceAll(singleQuotes, "'")
    .replaceAll(doubleQuotes, '"')
    .replaceAll(dashes, '-')
