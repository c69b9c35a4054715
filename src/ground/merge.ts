/**
 * Merges JSON objects deeply: objects merge key by key, and any other value (also an array) is
 * replaced. Neither argument is changed, and a key named `__proto__` stays a key.
 */
import type { JSONObject, JSONValue } from '@ai-sdk/provider'

/**
 * Returns `base` with the values of `over`. A key that is `undefined` in `over` keeps its value in
 * `base`.
 */
export function mergeObjects(base: JSONObject, over: JSONObject): JSONObject {
  const merged = new Map(Object.entries(base))
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue
    const below = merged.get(key)
    merged.set(key, isJsonObject(below) && isJsonObject(value) ? mergeObjects(below, value) : value)
  }
  return Object.fromEntries(merged)
}

export function isJsonObject(value: JSONValue | undefined): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
