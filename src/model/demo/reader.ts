/**
 * Where the demo model stands in a message while it looks for arithmetic. Rules move it forward;
 * `attempt` takes back what a rule that failed has read.
 */
import type { Word } from './words.ts'

export interface Reader {
  words: readonly Word[]
  next: number
  /** What "that" stands for: a number, or the expression just read. */
  previous: string | undefined
  /** How often the expression being read used it. */
  references: number
  /** How many operations the expression being read has so far. */
  operations: number
  depth: number
}

/** Writes one operand or expression, or gives null where there is none. */
export type Rule = (reader: Reader) => string | null

export function readerOf(words: readonly Word[], previous: string | undefined): Reader {
  return { words, next: 0, previous, references: 0, operations: 0, depth: 0 }
}

/** A message of brackets only must not use up the stack. */
export function within(reader: Reader, rule: Rule): string | null {
  if (reader.depth >= 50) return null
  reader.depth += 1
  const value = rule(reader)
  reader.depth -= 1
  return value
}

/** Reads by the rule, or stays where it was. */
export function attempt(reader: Reader, rule: Rule): string | null {
  const { next, operations } = reader
  const value = rule(reader)
  if (value === null) {
    reader.next = next
    reader.operations = operations
  }
  return value
}

/** Steps over these words in this order, or over none. */
export function skipPhrase(reader: Reader, phrase: readonly string[]): boolean {
  if (phrase.some((text, index) => reader.words[reader.next + index]?.text !== text)) return false
  reader.next += phrase.length
  return true
}

/** Steps over any of these words, and says whether there was one. */
export function skipWords(reader: Reader, texts: readonly string[]): boolean {
  const start = reader.next
  while (texts.includes(reader.words[reader.next]?.text ?? '')) reader.next += 1
  return reader.next > start
}

export const grouped = (expression: string): string =>
  expression.includes(' ') && !isEnclosed(expression) ? `(${expression})` : expression

/** True for "(1 + 2)", false for "(1 + 2) * (3 + 4)". */
function isEnclosed(expression: string): boolean {
  let depth = 0
  for (let at = 0; at < expression.length - 1; at += 1) {
    if (expression[at] === '(') depth += 1
    else if (expression[at] === ')') depth -= 1
    if (depth === 0) return false
  }
  return true
}

export const literal = (value: number): string => (value < 0 ? `(${value})` : String(value))
