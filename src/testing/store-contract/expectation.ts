/**
 * The checks of the contract, in the words of vitest and Jest. They throw errors of `node:assert`, so the
 * contract runs under each runner. A field with the value undefined counts as absent.
 */
import { AssertionError } from 'node:assert'
import { inspect, isDeepStrictEqual } from 'node:util'

import { until } from './deadline.ts'

/** A description of allowed values, in the place of a value. */
class Pattern {
  readonly matches: (value: unknown) => boolean
  readonly #description: string

  constructor(description: string, matches: (value: unknown) => boolean) {
    this.#description = description
    this.matches = matches
  }

  [inspect.custom](): string {
    return this.#description
  }
}

type Check = (actual: unknown) => boolean

const checks = {
  toBe:
    (expected: unknown): Check =>
    (actual) =>
      Object.is(actual, expected),
  toEqual:
    (expected: unknown): Check =>
    (actual) =>
      fits(actual, expected, { isPartial: false }),
  toMatchObject:
    (expected: object): Check =>
    (actual) =>
      fits(actual, expected, { isPartial: true }),
  toBeUndefined: (): Check => (actual) => actual === undefined,
  toBeDefined: (): Check => (actual) => actual !== undefined,
  toHaveLength:
    (length: number): Check =>
    (actual) =>
      (Array.isArray(actual) || typeof actual === 'string') && actual.length === length,
  toHaveProperty:
    (name: string): Check =>
    (actual) =>
      isObject(actual) && name in actual,
  toContain:
    (item: unknown): Check =>
    (actual) =>
      Array.isArray(actual)
        ? actual.includes(item)
        : typeof actual === 'string' && typeof item === 'string' && actual.includes(item),
  toBeGreaterThan:
    (limit: number): Check =>
    (actual) =>
      Number(actual) > limit,
  toBeLessThan:
    (limit: number): Check =>
    (actual) =>
      Number(actual) < limit,
  toBeCloseTo:
    (expected: number, digits = 2): Check =>
    (actual) =>
      Math.abs(Number(actual) - expected) < 10 ** -digits / 2,
}

type Checks = {
  [NAME in keyof typeof checks]: (...expected: Parameters<(typeof checks)[NAME]>) => void
}

type PolledChecks = {
  [NAME in keyof typeof checks]: (...expected: Parameters<(typeof checks)[NAME]>) => Promise<void>
}

/**
 * @param label is a part of the error's text
 * @throws AssertionError if the value does not have the property that the called check names
 */
export function expect(actual: unknown, label?: string): Checks & { not: Checks } {
  const checksFor = (isNegated: boolean) =>
    eachCheck((name, holds, expected) => {
      if (holds(actual) !== isNegated) return
      const check = isNegated ? `not.${name}` : name
      throw failure({ name: label === undefined ? check : `${label}: ${check}`, actual, expected })
    })
  return { ...checksFor(false), not: checksFor(true) }
}

/** Repeats a check until it passes, at most 20 seconds on a machine at rest. */
expect.poll = (read: () => unknown): PolledChecks =>
  eachCheck(async (name, check, expected) => {
    let actual: unknown
    try {
      await until(2000, name, async () => check((actual = await read())))
    } catch (cause) {
      throw failure({ name, actual, expected, cause })
    }
  })

expect.any = (type: NumberConstructor): Pattern =>
  new Pattern(`any ${type.name}`, (value) => typeof value === 'number')

expect.stringMatching = (pattern: RegExp): Pattern =>
  new Pattern(`a string like ${pattern}`, (value) => pattern.test(String(value)))

expect.arrayContaining = (items: readonly unknown[]): Pattern =>
  new Pattern(`an array with ${inspect(items)}`, (value) =>
    items.every((item) => Array.isArray(value) && value.some((each) => equals(each, item))),
  )

const equals = (actual: unknown, expected: unknown) => fits(actual, expected, { isPartial: false })

function eachCheck<RESULT>(act: (name: string, check: Check, expected: unknown) => RESULT): {
  [NAME in keyof typeof checks]: (...expected: Parameters<(typeof checks)[NAME]>) => RESULT
} {
  return {
    toBe: (value) => act('toBe', checks.toBe(value), value),
    toEqual: (value) => act('toEqual', checks.toEqual(value), value),
    toMatchObject: (value) => act('toMatchObject', checks.toMatchObject(value), value),
    toBeUndefined: () => act('toBeUndefined', checks.toBeUndefined(), undefined),
    toBeDefined: () => act('toBeDefined', checks.toBeDefined(), undefined),
    toHaveLength: (value) => act('toHaveLength', checks.toHaveLength(value), value),
    toHaveProperty: (value) => act('toHaveProperty', checks.toHaveProperty(value), value),
    toContain: (value) => act('toContain', checks.toContain(value), value),
    toBeGreaterThan: (value) => act('toBeGreaterThan', checks.toBeGreaterThan(value), value),
    toBeLessThan: (value) => act('toBeLessThan', checks.toBeLessThan(value), value),
    toBeCloseTo: (value, digits) => act('toBeCloseTo', checks.toBeCloseTo(value, digits), value),
  }
}

interface Failure {
  name: string
  actual: unknown
  expected: unknown
  cause?: unknown
}

function failure({ name, actual, expected, cause }: Failure): AssertionError {
  const shown = (value: unknown) => inspect(value, { depth: 10, maxStringLength: 400 })
  const message = `${name}: the value is\n${shown(actual)}\nexpected:\n${shown(expected)}`
  const error = new AssertionError({ message, actual, expected, operator: name })
  if (cause !== undefined) error.cause = cause
  return error
}

function fits(actual: unknown, expected: unknown, how: { isPartial: boolean }): boolean {
  if (expected instanceof Pattern) return expected.matches(actual)
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item, index) => fits(actual[index], item, how))
    )
  }
  if (!isObject(expected) || !isObject(actual) || Array.isArray(actual)) {
    return isDeepStrictEqual(actual, expected)
  }
  const names = how.isPartial ? Object.keys(expected) : [...namesOf(expected), ...namesOf(actual)]
  const [one, other] = [new Map(Object.entries(actual)), new Map(Object.entries(expected))]
  return names.every((name) => fits(one.get(name), other.get(name), how))
}

const namesOf = (value: object) => Object.keys(value)

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
