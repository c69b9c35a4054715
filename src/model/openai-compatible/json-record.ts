/**
 * Reads JSON of unknown shape. A guard costs a comparison and a schema microseconds, so the data of a
 * provider is checked only where it is used.
 */

export type JsonRecord = Record<string, unknown>

/** True for objects and arrays: values that have properties. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null
}
