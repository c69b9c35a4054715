/**
 * JSON as it will be read back. What a tool returns goes through here once, so that the event, the
 * stored message and what the model is told are one and the same value.
 */
import type { JSONValue } from '@ai-sdk/provider'

import { errorMessage, LoomError } from './error.ts'

/**
 * The value as JSON: `undefined` is null, dates are strings, own `__proto__` keys (which kill an
 * AI SDK client's stream) are left out.
 * @throws LoomError `invalid-request` where JSON has no form for it (a cycle, a BigInt).
 */
export function toJson(value: unknown): JSONValue {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  try {
    const text = JSON.stringify(value)
    return text === undefined ? null : parseJson(text)
  } catch (error) {
    throw new LoomError('invalid-request', `not JSON: ${errorMessage(error)}`, { cause: error })
  }
}

/**
 * Parses JSON without letting a key named `__proto__`, or a `prototype` below `constructor`, through.
 * @throws SyntaxError
 */
export function parseJson(text: string): JSONValue {
  const value: JSONValue = JSON.parse(text)
  // Both names can also be spelt with \u escapes, so the value is walked where either might be.
  if (!/__proto__|constructor|\\u/.test(text)) return value
  return withoutPrototypeKeys(value)
}

function withoutPrototypeKeys(value: JSONValue): JSONValue {
  if (Array.isArray(value)) return value.map(withoutPrototypeKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([key, inner]) => key !== '__proto__' && !(key === 'constructor' && holdsPrototype(inner)),
      )
      .map(([key, inner]) => [key, withoutPrototypeKeys(inner ?? null)]),
  )
}

function holdsPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
}
