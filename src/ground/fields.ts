/**
 * Reads fields of values of unknown shape. Only own fields count: posted JSON may contain
 * `constructor`.
 */
export type Fields = Readonly<Record<string, unknown>>

/** True for an object that is not a list. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns the value if it is an object and not a list, else undefined. */
export const objectIn = (value: unknown): Fields | undefined =>
  isFields(value) ? value : undefined

/** A copy of the own fields of an object or a list; empty for any other value. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {}
}

/**
 * Returns an own field of an object, or undefined if the value is not an object or has no such
 * field.
 */
export function fieldOf(value: unknown, name: string): unknown {
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** Returns an own field if it is a string, else undefined. */
export function textField(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name)
  return typeof field === 'string' ? field : undefined
}

/** True for a number that can be an amount: finite and not negative. */
export const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
