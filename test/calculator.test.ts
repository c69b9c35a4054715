import { asSchema } from 'ai'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { calculator } from '../tools/calculator.ts'

async function calculate(expr: string): Promise<unknown> {
  const context = {
    toolCallId: 'call',
    messages: [],
    signal: new AbortController().signal,
    abortSignal: new AbortController().signal,
    context: undefined,
    idempotencyKey: 'key',
    conversation: 'conversation',
    principal: '',
    sessionId: undefined,
    messageId: 'message',
    agent: 'test',
    depth: 0,
    run: () => Promise.reject(new Error('a calculator runs no agent')),
  }
  return calculator.execute?.({ expr }, context)
}

async function resultOf(expr: string): Promise<number> {
  const output = await calculate(expr)
  expect(output).toEqual({ result: expect.any(Number) })
  const entries = new Map(Object.entries(output ?? {}))
  return Number(entries.get('result'))
}

const messageFor = (expr: string): Promise<unknown> =>
  calculate(expr).then(
    (output) => ({ unexpected: output }),
    (error: unknown) => (error instanceof Error ? error.message : error),
  )

describe('the calculator', () => {
  it.each([
    ['6 * 7', 42],
    ['2 + 3 * 4', 14],
    ['(2 + 3) * 4', 20],
    ['-2^2', -4],
    ['(-2)^2', 4],
    ['2^3^2', 512],
    ['2**-1', 0.5],
    ['10 - 4 - 3', 3],
    ['2 * -3', -6],
    ['--1', 1],
    ['7 % 4', 3],
    ['1e3 + .5', 1000.5],
    ['0.1 + 0.2', 0.3],
    ['9007199254740991', 9_007_199_254_740_991],
    ['0 * -1', 0],
    ['2 × 3 ÷ 4 − 1', 0.5],
    ['sqrt(16) + abs(-2) + round(2.5) + floor(2.9) + ceil(2.1)', 14],
    ['min(3, 1, 2) + max(3, 1, 2)', 4],
    ['sin(0) + cos(0) + tan(0)', 1],
    ['log(1000) + ln(e) + exp(0)', 5],
    ['round(PI * 100)', 314],
  ])('computes %s', async (expr, value) => {
    expect(await calculate(expr)).toEqual({ result: value })
  })

  it.each([
    ['2 + 3)', "Unexpected ')' at position 6"],
    ['2 3', "Unexpected '3' at position 3"],
    ['2 + $', "Unexpected '$' at position 5"],
    ['2 + 🙂', "Unexpected '🙂' at position 5"],
    ['(2 + 3', "Expected ')' but found the end"],
    ['max(1; 2)', "Unexpected ';' at position 6"],
    ['sqrt 4', "Expected '(' but found '4' at position 6"],
    ['min()', "Unexpected ')' at position 5"],
    ['2 +', 'The expression ends where a number was expected'],
    ['', 'The expression ends where a number was expected'],
    ['1 / 0', 'Division by zero'],
    ['1 / (2 - 2)', 'Division by zero'],
    ['5 % 0', 'Division by zero'],
    ['0 ^ -1', 'Division by zero'],
    ['sqrt(-1)', 'The result is not a real number'],
    ['(-8) ^ (1/3)', 'The result is not a real number'],
    ['ln(0)', 'The result is not a real number'],
    ['10 ^ 400', 'The result is too large'],
    ['1e999', 'The result is too large'],
  ])('reports the fault of "%s" to the model', async (expr, message) => {
    expect(await messageFor(expr)).toBe(message)
  })

  it('lists its names in the error for an unknown one', async () => {
    expect(await messageFor('2 * tau')).toMatch(
      /^Unknown name 'tau' at position 5\. Known are: sqrt/,
    )
  })

  it.each(['constructor', '__proto__', 'process.exit(1)', 'toString()', 'eval(1)'])(
    'runs no code and reaches no object: %s',
    async (expr) => {
      expect(await messageFor(expr)).toMatch(/^(Unknown name|Unexpected)/)
    },
  )

  it.each(['(', '-', '2^', 'sqrt('])('refuses "%s" nested too deep', async (opening) => {
    expect(await messageFor(opening.repeat(100_000))).toMatch(/nested more than 100 deep/)
  })

  it('accepts at most 1,000 characters', async () => {
    const schema = asSchema(calculator.inputSchema)
    const validate = async (expr: string) => (await schema.validate?.({ expr }))?.success
    expect(await validate('1'.repeat(1_000))).toBe(true)
    expect(await validate('1'.repeat(1_001))).toBe(false)
    expect(await validate('')).toBe(false)
  })

  it('agrees with exact arithmetic on any tree of integers', async () => {
    await fc.assert(
      fc.asyncProperty(integerTree, async ({ text, value, exact }) => {
        // Beyond 2^53 the calculator's doubles are rounded, and exact integers are not.
        fc.pre(text.length <= 1_000 && exact)
        expect(await resultOf(text)).toBe(Number(value))
      }),
    )
  })

  it('agrees with postfix evaluation on any tree of decimals', async () => {
    await fc.assert(
      fc.asyncProperty(decimalTree, async ({ text, postfix }) => {
        const value = evaluatePostfix(postfix)
        if (Number.isFinite(value)) {
          const result = await resultOf(text)
          expect(Math.abs(result - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-12)
        } else {
          expect(await messageFor(text)).toMatch(/^(Division by zero|The result is)/)
        }
      }),
    )
  })

  it('returns a number or a readable error for any text', async () => {
    const pieces = fc.constantFrom(
      ...'0123456789.+-*/%^(),e '.split(''),
      'sqrt',
      'max',
      'pi',
      '**',
      'x',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 30 }), async (texts) => {
        const outcome = await messageFor(texts.join(''))
        if (typeof outcome === 'string') {
          expect(outcome).toMatch(/^(Unexpected|Expected|Unknown name|The |Division by zero)/)
        } else {
          expect(outcome).toEqual({ unexpected: { result: expect.any(Number) } })
        }
      }),
    )
  })
})

interface IntegerTree {
  text: string
  /** Its value, computed with BigInt during the generation, without precedence and doubles. */
  value: bigint
  /** False if an inner value exceeds the exact range of a double. */
  exact: boolean
}

const isExact = (value: bigint): boolean => value >= -(2n ** 53n) && value <= 2n ** 53n

const { tree: integerTree } = fc.letrec<{ tree: IntegerTree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, depthSize: 'medium' },
    fc
      .integer({ min: 0, max: 999 })
      .map((n) => ({ text: String(n), value: BigInt(n), exact: true })),
    fc
      .tuple(tie('tree'), fc.constantFrom('+', '-', '*'), tie('tree'), fc.constantFrom('', ' '))
      .map(([left, sign, right, space]) => combine(left, sign, { right, space })),
    tie('tree').map(({ text, value, exact }) => ({ text: `-(${text})`, value: -value, exact })),
  ),
})) satisfies { tree: fc.Arbitrary<IntegerTree> }

function combine(
  left: IntegerTree,
  sign: '+' | '-' | '*',
  { right, space }: { right: IntegerTree; space: string },
): IntegerTree {
  const value =
    sign === '+'
      ? left.value + right.value
      : sign === '-'
        ? left.value - right.value
        : left.value * right.value
  const text = `(${left.text})${space}${sign}${space}(${right.text})`
  return { text, value, exact: left.exact && right.exact && isExact(value) }
}

type Postfix = readonly (number | string)[]

/** Has the fewest parentheses that precedence allows, so that the text tests precedence. */
interface DecimalTree {
  text: string
  postfix: Postfix
  /** The precedence of the outermost operator: 1 sum, 2 product, 3 sign, 4 power, 5 none. */
  binding: number
}

const atLeast = (binding: number, tree: DecimalTree): string =>
  tree.binding >= binding ? tree.text : `(${tree.text})`

const { decimals: decimalTree } = fc.letrec<{ decimals: DecimalTree }>((tie) => {
  const node = tie('decimals')
  return {
    decimals: fc.oneof(
      { maxDepth: 5, depthSize: 'medium' },
      fc
        .tuple(fc.integer({ min: 0, max: 99_999 }), fc.constantFrom(1, 10, 1_000))
        .map(([n, scale]) => ({ text: String(n / scale), postfix: [n / scale], binding: 5 })),
      fc.tuple(node, fc.constantFrom('*', '/'), node).map(([left, sign, right]) => ({
        text: `${atLeast(2, left)} ${sign} ${atLeast(3, right)}`,
        postfix: [...left.postfix, ...right.postfix, sign],
        binding: 2,
      })),
      fc.tuple(node, fc.constantFrom(0, 1, 2, 3)).map(([base, power]) => ({
        text: `${atLeast(5, base)}^${power}`,
        postfix: [...base.postfix, power, '^'],
        binding: 4,
      })),
      node.map((inner) => ({
        text: `-${atLeast(3, inner)}`,
        postfix: [...inner.postfix, 'negate'],
        binding: 3,
      })),
      node.map((inner) => ({
        text: `abs(${inner.text})`,
        postfix: [...inner.postfix, 'abs'],
        binding: 5,
      })),
    ),
  }
})

const operators: ReadonlyMap<string, (stack: number[]) => number> = new Map([
  ['*', (stack) => pop(stack) * pop(stack)],
  ['/', (stack) => (1 / pop(stack)) * pop(stack)],
  ['^', (stack) => power(pop(stack), pop(stack))],
  ['negate', (stack) => -pop(stack)],
  ['abs', (stack) => Math.sqrt(pop(stack) ** 2)],
])

const pop = (stack: number[]): number => stack.pop() ?? Number.NaN

/** Computes a power by repeated multiplication. */
const power = (exponent: number, base: number): number =>
  Array.from({ length: exponent }, () => base).reduce((product, factor) => product * factor, 1)

function evaluatePostfix(postfix: Postfix): number {
  const stack: number[] = []
  for (const entry of postfix) {
    const value = typeof entry === 'number' ? entry : operators.get(entry)?.(stack)
    // An intermediate infinity is an error for the calculator, even if it would cancel out.
    if (value === undefined || !Number.isFinite(value)) return Number.NaN
    stack.push(value)
  }
  return pop(stack)
}
