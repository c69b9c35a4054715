/** Splits an expression into numbers, names and symbols, and reports the position of an invalid one. */

/** The error for an expression that cannot be evaluated. The message states the fault and its position. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError'
}

export interface Token {
  kind: 'number' | 'name' | 'symbol' | 'end'
  text: string
  /** The position of its first character, counted from 1. */
  position: number
}

/** Other spellings of operators, which people and models use. */
const spellings: ReadonlyMap<string, string> = new Map([
  ['**', '^'],
  ['×', '*'],
  ['·', '*'],
  ['÷', '/'],
  ['−', '-'],
])

const tokenPattern =
  /\s+|(?<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|(?<name>[a-z][a-z0-9_]*)|(?<symbol>\*\*|[-+*/%^(),×·÷−])/iuy

/** Returns the tokens of an expression, with an `end` token after the last. */
export function tokensOf(expression: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < expression.length) {
    tokenPattern.lastIndex = at
    const match = tokenPattern.exec(expression)
    if (match === null) throw unexpectedToken(symbolAt(expression, at))
    const { number, name, symbol } = match.groups ?? {}
    const position = at + 1
    if (number !== undefined) tokens.push({ kind: 'number', text: number, position })
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, position })
    else if (symbol !== undefined) {
      tokens.push({ kind: 'symbol', text: spellings.get(symbol) ?? symbol, position })
    }
    at += match[0].length
  }
  tokens.push({ kind: 'end', text: '', position: expression.length + 1 })
  return tokens
}

function symbolAt(expression: string, at: number): Token {
  const text = String.fromCodePoint(expression.codePointAt(at) ?? 0)
  return { kind: 'symbol', text, position: at + 1 }
}

/** Returns the error for a token that is invalid at its position. */
export function unexpectedToken(token: Token): ExpressionError {
  return new ExpressionError(
    token.kind === 'end'
      ? 'The expression ends where a number was expected'
      : `Unexpected '${token.text}' at position ${token.position}`,
  )
}
