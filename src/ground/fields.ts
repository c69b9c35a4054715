/** Looks into values of unknown shape. Only own fields count: posted JSON may name `constructor`. */
export type Fields = Readonly<Record<string, unknown>>

/** True for an object that is no list. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value where it is an object and no list, else undefined. */
export const objectIn = (value: unknown): Fields | undefined =>
  isFields(value) ? value : undefined

/** A copy of the own fields of an object or a list; empty for any other value. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {}
}

/** An own field of an object; undefined where the value is no object or lacks the field. */
export function fieldOf(value: unknown, name: string): unknown {
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** An own field where it is a string, else undefined. */
export function textField(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name)
  return typeof field === 'string' ? field : undefined
}
