/**
 * Evaluates arithmetic with a recursive descent parser that computes while it parses. No input reaches
 * the JavaScript engine as code. `^` binds tighter than a minus before it, as in mathematics: -2^2 is
 * -4. The error texts help the model to correct its expression.
 */
import { ExpressionError, type Token, tokensOf, unexpectedToken } from './tokens.ts'

interface Parser {
  tokens: readonly Token[]
  next: number
  depth: number
}

/** The maximum depth of parentheses, signs and powers. It bounds the parser's use of the stack. */
const nestingMax = 100

const constants: ReadonlyMap<string, number> = new Map([
  ['pi', Math.PI],
  ['e', Math.E],
])

const functions: ReadonlyMap<string, (value: number) => number> = new Map([
  ['sqrt', Math.sqrt],
  ['abs', Math.abs],
  ['round', Math.round],
  ['floor', Math.floor],
  ['ceil', Math.ceil],
  ['sin', Math.sin],
  ['cos', Math.cos],
  ['tan', Math.tan],
  ['log', Math.log10],
  ['ln', Math.log],
  ['exp', Math.exp],
])

const listFunctions: ReadonlyMap<string, (values: readonly number[]) => number> = new Map([
  ['min', (values) => Math.min(...values)],
  ['max', (values) => Math.max(...values)],
])

/**
 * Returns the value of an expression of numbers, `+ - * / % ^ **`, parentheses, functions, `pi` and `e`.
 * @throws ExpressionError if the text is not an expression or has no finite value.
 */
export function evaluate(expression: string): number {
  const parser: Parser = { tokens: tokensOf(expression), next: 0, depth: 0 }
  const value = parseSum(parser)
  if (peek(parser).kind !== 'end') throw unexpectedToken(peek(parser))
  return withoutNoise(value)
}

/** Rounds fractions to 15 digits, since binary arithmetic is inexact (0.1 + 0.2). Integers stay exact. */
function withoutNoise(value: number): number {
  // Adding zero turns -0 into 0.
  return Number.isInteger(value) ? value + 0 : Number(value.toPrecision(15))
}

function parseSum(parser: Parser): number {
  let value = parseProduct(parser)
  for (;;) {
    if (accept(parser, '+')) value = finite(value + parseProduct(parser))
    else if (accept(parser, '-')) value = finite(value - parseProduct(parser))
    else return value
  }
}

function parseProduct(parser: Parser): number {
  let value = parseSigned(parser)
  for (;;) {
    if (accept(parser, '*')) value = finite(value * parseSigned(parser))
    else if (accept(parser, '/')) value = finite(value / divisor(parseSigned(parser)))
    else if (accept(parser, '%')) value = finite(value % divisor(parseSigned(parser)))
    else return value
  }
}

function parseSigned(parser: Parser): number {
  return withDepth(parser, () => {
    if (accept(parser, '-')) return -parseSigned(parser)
    if (accept(parser, '+')) return parseSigned(parser)
    return parsePower(parser)
  })
}

function parsePower(parser: Parser): number {
  const base = parsePrimary(parser)
  if (!accept(parser, '^')) return base
  // The exponent includes its sign and its own powers: 2^-1, and 2^3^2 = 2^9.
  const exponent = parseSigned(parser)
  if (base === 0 && exponent < 0) throw new ExpressionError('Division by zero')
  return finite(base ** exponent)
}

function parsePrimary(parser: Parser): number {
  const token = peek(parser)
  if (token.kind === 'number') return parseNumber(parser, token)
  if (token.kind === 'name') return parseName(parser, token)
  if (!accept(parser, '(')) throw unexpectedToken(token)
  const value = parseSum(parser)
  expect(parser, ')')
  return value
}

function parseNumber(parser: Parser, token: Token): number {
  parser.next += 1
  return finite(Number(token.text))
}

function parseName(parser: Parser, token: Token): number {
  parser.next += 1
  const name = token.text.toLowerCase()
  const constant = constants.get(name)
  if (constant !== undefined) return constant
  const single = functions.get(name)
  if (single !== undefined) return applyFunction(single, parseArgument(parser))
  const list = listFunctions.get(name)
  if (list !== undefined) return list(parseArguments(parser))
  const names = [...functions.keys(), ...listFunctions.keys(), ...constants.keys()].join(', ')
  throw new ExpressionError(
    `Unknown name '${token.text}' at position ${token.position}. Known are: ${names}`,
  )
}

function applyFunction(compute: (value: number) => number, argument: number): number {
  const value = compute(argument)
  // Only the logarithm of 0 is minus infinity, which is no real number.
  return finite(value === Number.NEGATIVE_INFINITY ? Number.NaN : value)
}

function parseArgument(parser: Parser): number {
  expect(parser, '(')
  const value = parseSum(parser)
  expect(parser, ')')
  return value
}

function parseArguments(parser: Parser): number[] {
  expect(parser, '(')
  const values = [parseSum(parser)]
  while (accept(parser, ',')) values.push(parseSum(parser))
  expect(parser, ')')
  return values
}

function withDepth(parser: Parser, parse: () => number): number {
  parser.depth += 1
  if (parser.depth > nestingMax) {
    throw new ExpressionError(`The expression is nested more than ${nestingMax} deep`)
  }
  const value = parse()
  parser.depth -= 1
  return value
}

function divisor(value: number): number {
  if (value === 0) throw new ExpressionError('Division by zero')
  return value
}

function finite(value: number): number {
  if (Number.isNaN(value)) throw new ExpressionError('The result is not a real number')
  if (!Number.isFinite(value)) throw new ExpressionError('The result is too large')
  return value
}

function peek(parser: Parser): Token {
  // The parser never moves past the end token. The fallback satisfies the compiler.
  return parser.tokens[parser.next] ?? { kind: 'end', text: '', position: 0 }
}

function accept(parser: Parser, symbol: string): boolean {
  const token = peek(parser)
  if (token.kind !== 'symbol' || token.text !== symbol) return false
  parser.next += 1
  return true
}

function expect(parser: Parser, symbol: string): void {
  const token = peek(parser)
  if (accept(parser, symbol)) return
  const found = token.kind === 'end' ? 'the end' : `'${token.text}' at position ${token.position}`
  throw new ExpressionError(`Expected '${symbol}' but found ${found}`)
}
