/**
 * Sums as people write them in a message: "6 times 7", "15% of 80", "the square root of 16 plus 2".
 * Each function reads one operand or expression and writes it for a calculator, or gives null.
 */
import {
  attempt,
  grouped,
  type Reader,
  type Rule,
  skipPhrase,
  skipWords,
  within,
} from './reader.ts'

type Signs = readonly (readonly [words: readonly string[], sign: string])[]

export const additiveSigns: Signs = [
  [['+'], '+'],
  [['plus'], '+'],
  [['-'], '-'],
  [['minus'], '-'],
]

export const productSigns: Signs = [
  [['*'], '*'],
  [['times'], '*'],
  [['x'], '*'],
  [['multiplied', 'by'], '*'],
  [['/'], '/'],
  [['divided', 'by'], '/'],
  [['over'], '/'],
  [['%'], '%'],
  [['mod'], '%'],
  [['modulo'], '%'],
]

export const powerSigns: Signs = [
  [['^'], '^'],
  [['to', 'the', 'power', 'of'], '^'],
]

export function readSum(reader: Reader): string | null {
  let left = readProduct(reader)
  while (left !== null) {
    const base: string = left
    const further = attempt(reader, () => {
      const sign = readSign(reader, additiveSigns)
      const right = sign === null ? null : readProduct(reader)
      if (sign === null || right === null) return null
      reader.operations += 1
      // "100 plus 10%" adds a tenth of the hundred, as on a pocket calculator.
      const share = barePercent.exec(right)?.[1]
      if (share !== undefined) return `${grouped(base)} * (1 ${sign} ${share} / 100)`
      return `${base} ${sign} ${right}`
    })
    if (further === null) return left
    left = further
  }
  return null
}

const barePercent = /^\((\d[\d.]*) \/ 100\)$/

export function readProduct(reader: Reader): string | null {
  let left = readSigned(reader)
  while (left !== null) {
    const base: string = left
    const further = attempt(reader, () => {
      const sign = skipPhrase(reader, ['of']) ? readShare(base) : readSign(reader, productSigns)
      const right = sign === null ? null : readSigned(reader)
      if (right === null) return null
      reader.operations += 1
      return `${base} ${sign} ${right}`
    })
    if (further === null) return left
    left = further
  }
  return null
}

/** "Of" multiplies after a percentage, and nowhere else. */
const readShare = (left: string): string | null => (barePercent.test(left) ? '*' : null)

export function readSigned(reader: Reader): string | null {
  const [sign, operand] = reader.words.slice(reader.next, reader.next + 2)
  // A list's "- 5" is a bullet, not a sign.
  if (sign?.text !== '-' || operand?.spaced !== false) return readPower(reader)
  reader.next += 1
  const value = readPower(reader)
  return value === null ? null : `-${value}`
}

function readPower(reader: Reader): string | null {
  const base = readPrimary(reader)
  if (base === null) return null
  const suffixed = readSuffix(reader, base)
  const raised = attempt(reader, () => {
    const sign = readSign(reader, powerSigns)
    const exponent = sign === null ? null : readSigned(reader)
    if (exponent === null) return null
    reader.operations += 1
    return `${suffixed} ^ ${exponent}`
  })
  return raised ?? suffixed
}

/** What stands after an operand and changes it: "squared", "cubed", "percent". */
export function readSuffix(reader: Reader, operand: string): string {
  if (skipPhrase(reader, ['squared'])) return operated(reader, `${operand} ^ 2`)
  if (skipPhrase(reader, ['cubed'])) return operated(reader, `${operand} ^ 3`)
  const percent = attempt(reader, () => {
    const sign = skipPhrase(reader, ['percent']) || skipPhrase(reader, ['%'])
    // "10 % 3" is a remainder.
    const remainder = reader.words[reader.next]
    if (!sign || remainder?.kind === 'number' || remainder?.text === '(') return null
    return `(${operand} / 100)`
  })
  return percent ?? operand
}

function operated(reader: Reader, expression: string): string {
  reader.operations += 1
  return expression
}

const functionWords: ReadonlySet<string> = new Set(
  'sqrt abs round floor ceil min max sin cos tan log ln exp'.split(' '),
)

export const readPrimary: Rule = (reader) => {
  skipWords(reader, ['the', 'a', 'number', '$', '€', '£'])
  const word = reader.words[reader.next]
  if (word === undefined) return null
  if (skipPhrase(reader, ['square', 'root', 'of']) || skipPhrase(reader, ['√'])) {
    return readRoot(reader)
  }
  reader.next += 1
  if (word.kind === 'number') return word.text
  if (word.text === '(') return within(reader, readBrackets)
  if (functionWords.has(word.text)) return within(reader, () => readFunction(reader, word.text))
  if (word.text === 'pi' || word.text === 'π') return 'pi'
  if (word.text === 'e') return 'e'
  if (reader.previous === undefined || !previousWords.has(word.text)) return null
  reader.references += 1
  return reader.previous
}

const previousWords: ReadonlySet<string> = new Set('that it this result answer previous'.split(' '))

function readRoot(reader: Reader): string | null {
  const value = within(reader, readPrimary)
  return value === null ? null : operated(reader, `sqrt(${value})`)
}

function readBrackets(reader: Reader): string | null {
  const inner = readSum(reader)
  return inner !== null && skipPhrase(reader, [')']) ? `(${inner})` : null
}

function readFunction(reader: Reader, name: string): string | null {
  if (!skipPhrase(reader, ['('])) {
    const value = skipPhrase(reader, ['of']) ? readPrimary(reader) : null
    return value === null ? null : operated(reader, `${name}(${value})`)
  }
  const values: string[] = []
  do {
    const value = readSum(reader)
    if (value === null) return null
    values.push(value)
  } while (skipPhrase(reader, [',']))
  return skipPhrase(reader, [')']) ? operated(reader, `${name}(${values.join(', ')})`) : null
}

export function readSign(reader: Reader, signs: Signs): string | null {
  return signs.find(([phrase]) => skipPhrase(reader, phrase))?.[1] ?? null
}
