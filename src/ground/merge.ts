/**
 * Deep merge of JSON objects: objects merge key by key, everything else (arrays too) is replaced.
 * Neither side is changed, and a key named `__proto__` stays a key.
 */
import type { JSONObject, JSONValue } from '@ai-sdk/provider'

/** `over` laid upon `base`. A key whose value is `undefined` in `over` keeps that of `base`. */
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
