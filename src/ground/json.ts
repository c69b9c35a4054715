/**
 * JSON as a reader will see it. The result of a tool passes through here once, so that the event,
 * the stored message and the model's prompt have the same value.
 */
import type { JSONObject, JSONValue } from '@ai-sdk/provider'

import { errorMessage, LoomError } from './error.ts'

/**
 * Returns the value as JSON: `undefined` becomes null and dates become strings. Own `__proto__`
 * keys are left out, because they break the stream of an AI SDK client.
 * @throws LoomError `invalid-request` if JSON has no form for it (a cycle, a BigInt)
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

/** Whether a value of JSON is an object and not a list. */
export const isJsonObject = (value: JSONValue | undefined): value is JSONObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Parses JSON and drops keys named `__proto__`, and `prototype` below `constructor`.
 * @throws SyntaxError
 */
export function parseJson(text: string): JSONValue {
  const value: JSONValue = JSON.parse(text)
  // \u escapes can spell both names, so the value is walked if the text may contain one of them.
  if (!/__proto__|constructor|\\u/.test(text)) return value
  return withoutPrototypeKeys(value)
}

/** Returns the value of a text as JSON, with all keys. Returns undefined if the text is not JSON. */
export function jsonValueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
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
