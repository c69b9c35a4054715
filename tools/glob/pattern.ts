/**
 * Glob patterns: `*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}` within a name, `**` for any directories. A pattern
 * also finds a path that exists by its own name: a folder `[id]` or `{a,b}`, and a name with a backslash or
 * with characters that look like those of the pattern (`similar-name.ts`). The matcher uses no regular expressions, and its time
 * is bounded by the product of the lengths: the pattern comes from a model, and one such as
 * `*a*a*a*a*b` must not block the server.
 */
import { plainForm } from '../../src/machine/workspace/similar-name.ts'
import { expandBraces } from './braces.ts'

export interface GlobPattern {
  matches: (path: string) => boolean
  /** For each alternative, the pattern of the file's own name; `**` matches any name. */
  names: string[]
}

type Token =
  | { type: 'character'; character: string }
  | { type: 'one' }
  | { type: 'many' }
  | { type: 'class'; negated: boolean; ranges: [string, string][] }

/** Any number of directories, or the possible readings of one name. */
type Segment = 'directories' | Token[][]

/**
 * Parses a pattern.
 * @param base the directory that the pattern is relative to, as a path from the root; '' for the root
 * @throws Error if the pattern leads out of that directory, or has too many alternatives
 */
export function globPattern(pattern: string, base = ''): GlobPattern {
  const patterns = expandBraces(pattern)
  const alternatives = [...patterns, ...literalBraces(pattern)]
  const matches = matcherOf(alternatives, base)
  const matchesPlain = matcherOf(alternatives.map(plainForm), plainForm(base))
  const isPlain = plainForm(pattern) === pattern
  return {
    matches: (path) => {
      if (matches(path)) return true
      const hasOwnForm = isAscii(path) && isPlain
      return !hasOwnForm && matchesPlain(plainForm(path))
    },
    names: patterns.map((each) => each.split('/').at(-1) || '**'),
  }
}

const isAscii = (path: string): boolean => /^[\0-\x7f]*$/.test(path)

function matcherOf(patterns: readonly string[], base: string): (path: string) => boolean {
  const alternatives = patterns.map((each) => segmentsOf(each, base))
  return (path) => {
    const names = path.split('/').map((name) => Array.from(name))
    return alternatives.some((segments) => matchSegments(segments, names))
  }
}

/** Returns the pattern with the braces of its directories, and once also of its name, as characters. */
function literalBraces(pattern: string): string[] {
  const name = pattern.lastIndexOf('/') + 1
  const directory = pattern.slice(0, name)
  const hasBraces = directory.includes('{')
  return [
    ...(pattern.includes('{') ? [pattern] : []),
    ...(hasBraces ? expandBraces(pattern.slice(name)).map((end) => directory + end) : []),
  ]
}

function segmentsOf(pattern: string, base: string): Segment[] {
  const parts = pattern.split('/')
  if (parts.includes('..')) {
    throw new Error('The pattern leads out of its directory. Remove ".." from it.')
  }
  // As in .gitignore, a pattern without a slash matches names in any directory.
  const isName = !pattern.includes('/')
  const named = parts.filter((part) => part !== '' && part !== '.')
  // The pattern matches entries below a directory, and not the directory itself.
  const isBelow = pattern.endsWith('/') || named.at(-1) === '**'
  const segments = [...(isName ? ['**'] : []), ...named, ...(isBelow ? ['**', '*'] : [])]
  const above = base === '' ? [] : base.split('/').map((name) => [literally(name)])
  return [...above, ...segments.map((part) => (part === '**' ? 'directories' : readingsOf(part)))]
}

/**
 * Several web frameworks name folders of routes like `[id]`, which is also a class of characters. A model
 * writes the path that it has seen, so brackets match themselves as well, and so does a backslash.
 */
function readingsOf(part: string): Token[][] {
  const literal = { hasClasses: false, hasEscapes: false }
  const tokens = tokensOf(part, { hasClasses: true, hasEscapes: true })
  return /[[\\]/.test(part) ? [tokens, tokensOf(part, literal)] : [tokens]
}

const literally = (name: string): Token[] =>
  Array.from(name).map((character) => ({ type: 'character', character }))

interface Syntax {
  hasClasses: boolean
  hasEscapes: boolean
}

function tokensOf(part: string, { hasClasses, hasEscapes }: Syntax): Token[] {
  const characters = Array.from(part)
  const tokens: Token[] = []
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? ''
    const found = hasClasses && character === '[' ? classAt(characters, index) : undefined
    if (found !== undefined) {
      tokens.push(found.token)
      index = found.end
    } else if (character === '*') {
      if (tokens.at(-1)?.type !== 'many') tokens.push({ type: 'many' })
    } else if (character === '?') tokens.push({ type: 'one' })
    else if (hasEscapes && character === '\\' && index + 1 < characters.length) {
      tokens.push({ type: 'character', character: characters[++index] ?? '' })
    } else tokens.push({ type: 'character', character })
  }
  return tokens
}

/** Returns the class that begins at a `[`; undefined if it has no end, so that `[` is a character. */
function classAt(characters: string[], start: number): { token: Token; end: number } | undefined {
  const negated = characters[start + 1] === '!' || characters[start + 1] === '^'
  const first = start + (negated ? 2 : 1)
  // A `]` at the very beginning belongs to the class.
  const end = characters.indexOf(']', first + 1)
  if (end === -1) return undefined
  const ranges: [string, string][] = []
  for (let index = first; index < end; index++) {
    if (characters[index] === '\\' && index + 1 < end) index++
    const from = characters[index] ?? ''
    const isRange = characters[index + 1] === '-' && index + 2 < end
    ranges.push([from, isRange ? (characters[index + 2] ?? '') : from])
    if (isRange) index += 2
  }
  return { token: { type: 'class', negated, ranges }, end }
}

/** Matches greedily and backtracks only to the last `**`. */
function matchSegments(segments: Segment[], names: string[][]): boolean {
  return matchSequence(segments, names, {
    isMany: (segment) => segment === 'directories',
    fits: (segment, name) =>
      segment !== 'directories' && segment.some((tokens) => matchName(tokens, name)),
  })
}

function matchName(tokens: Token[], name: string[]): boolean {
  return matchSequence(tokens, name, {
    isMany: (token) => token.type === 'many',
    fits: matchOne,
  })
}

function matchOne(token: Token, character: string): boolean {
  switch (token.type) {
    case 'character':
      return token.character === character
    case 'one':
      return true
    case 'many':
      return false
    case 'class':
      return token.negated !== token.ranges.some(([from, to]) => isWithin(character, from, to))
  }
}

function isWithin(character: string, from: string, to: string): boolean {
  const point = character.codePointAt(0) ?? 0
  return point >= (from.codePointAt(0) ?? 0) && point <= (to.codePointAt(0) ?? 0)
}

interface Sequence<PATTERN, ITEM> {
  isMany: (pattern: PATTERN) => boolean
  fits: (pattern: PATTERN, item: ITEM) => boolean
}

/** Matches items against patterns. A pattern for which `isMany` is true matches any number of items. */
function matchSequence<PATTERN, ITEM>(
  patterns: PATTERN[],
  items: ITEM[],
  { isMany, fits }: Sequence<PATTERN, ITEM>,
): boolean {
  let pattern = 0
  let many = -1
  let resume = 0
  for (let item = 0; item < items.length;) {
    const wanted = patterns[pattern]
    const given = items[item]
    if (wanted !== undefined && isMany(wanted)) {
      many = pattern++
      resume = item
    } else if (wanted !== undefined && given !== undefined && fits(wanted, given)) {
      pattern++
      item++
    } else if (many !== -1) {
      pattern = many + 1
      item = ++resume
    } else return false
  }
  return patterns.slice(pattern).every(isMany)
}
