/**
 * Finds the arithmetic in a message and writes it as expressions for a calculator: "the square root
 * of 16 plus 2", "multiply that by 10", "15% of 80". It never computes. A run of words counts only if
 * it holds at least one operation, so that "I have 3 cats" is no arithmetic.
 */
import { attempt, grouped, literal, type Reader, readerOf, skipWords } from './reader.ts'
import {
  additiveSigns,
  powerSigns,
  productSigns,
  readPrimary,
  readProduct,
  readSign,
  readSigned,
  readSuffix,
  readSum,
} from './sums.ts'
import { wordsOf } from './words.ts'

/** The expressions in a message, in order. `previous` is what "that" and "the result" stand for. */
export function expressionsIn(text: string, previous?: number): string[] {
  const known = previous === undefined ? undefined : literal(previous)
  const reader = readerOf(wordsOf(text), known)
  const expressions: string[] = []
  while (reader.next < reader.words.length) {
    const start = reader.next
    reader.operations = 0
    const expression = readCalculation(reader)
    if (expression !== null && reader.operations > 0) expressions.push(expression)
    else reader.next = Math.max(start + 1, expression === null ? 0 : reader.next)
  }
  return expressions
}

/** A calculation, and what is done to its result after a comma or "then": "2 + 2, squared". */
function readCalculation(reader: Reader): string | null {
  let expression =
    attempt(reader, readCommand) ?? attempt(reader, readContinuation) ?? readSum(reader)
  while (expression !== null) {
    const whole: string = grouped(expression)
    const further = attempt(reader, () => readFurther(reader, whole))
    if (further === null) return expression
    expression = further
  }
  return null
}

function readFurther(reader: Reader, whole: string): string | null {
  if (!skipWords(reader, [',', 'then', 'and', 'all', 'now'])) return null
  const suffixed = readSuffix(reader, whole)
  if (suffixed !== whole) return suffixed
  return attempt(reader, () => readOperation(reader, whole)) ?? readCommandOn(reader, whole)
}

/** "…, then add 2 to that": a command counts as going on only if it uses the result so far. */
function readCommandOn(reader: Reader, whole: string): string | null {
  const { previous, references } = reader
  reader.previous = whole
  const expression = readCommand(reader)
  reader.previous = previous
  return reader.references > references ? expression : null
}

/** "Times 10" or "+ 5" at the start of a message goes on with the previous result. */
function readContinuation(reader: Reader): string | null {
  const before = reader.words.slice(0, reader.next)
  if (reader.previous === undefined || before.some((word) => !fillers.has(word.text))) return null
  // "-5 + 3" begins with a negative number, "- 5" goes on from the result.
  const [sign, number] = reader.words.slice(reader.next)
  if (sign?.text === '-' && number?.spaced === false) return null
  return readOperation(reader, reader.previous)
}

const fillers: ReadonlySet<string> = new Set(
  "now then and ok okay so please what s is about how can you , ’ '".split(' '),
)

/** An operator word or sign, and what follows it. */
function readOperation(reader: Reader, left: string): string | null {
  const additive = readSign(reader, additiveSigns)
  const sign = additive ?? readSign(reader, productSigns) ?? readSign(reader, powerSigns)
  if (sign === null) return null
  const right = additive === null ? readSigned(reader) : readProduct(reader)
  if (right === null) return null
  reader.operations += 1
  return `${left} ${sign} ${right}`
}

type Command = (reader: Reader) => string | null

/** Sentences that begin with a verb. Where an operand is missing, the previous result is meant. */
const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['add', (reader) => readVerb(reader, { sign: '+', links: ['to', 'and', 'with', ','] })],
  ['sum', (reader) => readList(reader, ' + ')],
  ['product', (reader) => readList(reader, ' * ')],
  ['average', readAverage],
  ['mean', readAverage],
  ['difference', (reader) => readVerb(reader, { sign: '-', links: ['and'], intro: 'between' })],
  ['quotient', (reader) => readVerb(reader, { sign: '/', links: ['and'], intro: 'of' })],
  [
    'subtract',
    (reader) => readVerb(reader, { sign: '-', links: 'from away'.split(' '), swapped: true }),
  ],
  ['multiply', (reader) => readVerb(reader, { sign: '*', links: ['by', 'with', 'and'] })],
  ['divide', (reader) => readVerb(reader, { sign: '/', links: ['by'] })],
  ['raise', (reader) => readVerb(reader, { sign: '^', links: ['to'] })],
  ['square', (reader) => readWhole(reader, (value) => `${value} ^ 2`)],
  ['cube', (reader) => readWhole(reader, (value) => `${value} ^ 3`)],
  ['double', (reader) => readWhole(reader, (value) => `2 * ${value}`)],
  ['twice', (reader) => readWhole(reader, (value) => `2 * ${value}`)],
  ['triple', (reader) => readWhole(reader, (value) => `3 * ${value}`)],
  ['halve', (reader) => readWhole(reader, (value) => `${value} / 2`)],
  ['half', (reader) => readWhole(reader, (value) => `${value} / 2`)],
])

function readCommand(reader: Reader): string | null {
  const word = reader.words[reader.next]
  if (word?.kind !== 'word') return null
  const command = commands.get(word.text)
  if (command === undefined) return null
  reader.next += 1
  return command(reader)
}

interface Verb {
  sign: string
  /** The words that stand between the operands. */
  links: readonly string[]
  /** A word before the first operand. */
  intro?: string
  /** "Subtract 3 from 10" names the operands in the other order. */
  swapped?: boolean
}

function readVerb(reader: Reader, { sign, links, intro, swapped = false }: Verb): string | null {
  if (intro !== undefined && !skipWords(reader, [intro])) return null
  // "Multiply by 10" has only the second operand.
  if (skipWords(reader, links)) return withPrevious(reader, sign, readSum(reader))
  const first = readSum(reader)
  if (first === null) return null
  if (!skipWords(reader, links)) {
    return sign === '+' || swapped ? withPrevious(reader, sign, first) : null
  }
  skipWords(reader, ['the', 'power', 'of'])
  const second = readSum(reader)
  if (second === null) return null
  reader.operations += 1
  const [left, right] = swapped ? [second, first] : [first, second]
  return `${grouped(left)} ${sign} ${grouped(right)}`
}

function withPrevious(reader: Reader, sign: string, right: string | null): string | null {
  if (reader.previous === undefined || right === null) return null
  reader.operations += 1
  reader.references += 1
  return `${reader.previous} ${sign} ${grouped(right)}`
}

function readWhole(reader: Reader, write: (value: string) => string): string | null {
  skipWords(reader, ['of'])
  const value = readPrimary(reader)
  if (value === null) return null
  reader.operations += 1
  return write(grouped(value))
}

function readList(reader: Reader, separator: string): string | null {
  const items = readItems(reader)
  return items === null ? null : items.map(grouped).join(separator)
}

function readAverage(reader: Reader): string | null {
  const items = readItems(reader)
  return items === null ? null : `(${items.map(grouped).join(' + ')}) / ${items.length}`
}

/** "of 3, 4 and 5": two items or more. */
function readItems(reader: Reader): string[] | null {
  if (!skipWords(reader, ['of'])) return null
  const items: string[] = []
  do {
    const item = attempt(reader, readSum)
    if (item === null) break
    items.push(item)
  } while (skipWords(reader, [',', 'and']))
  if (items.length < 2) return null
  reader.operations += 1
  return items
}
