/** Looks into values of unknown make. */

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {}
}

export const textField = (value: unknown, name: string): string | undefined => {
  const field = fieldsOf(value)[name]
  return typeof field === 'string' ? field : undefined
}
