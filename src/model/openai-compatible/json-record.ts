/**
 * Reading JSON of unknown shape. A guard costs a comparison, where a schema costs microseconds, so
 * what a provider sends is looked at only where it is used.
 */

export type JsonRecord = Record<string, unknown>

/** True for objects and arrays: what can be asked for a property. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null
}

/** `parse`, with undefined where the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
