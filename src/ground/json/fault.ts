/** Finds the part of a value that JSON would lose, change or refuse. */

/**
 * Returns what JSON cannot hold, with its place, or undefined if it can hold all of the value. A field that is
 * undefined counts as absent. An object with `toJSON` chooses its own form, so it is not read.
 * @param name the name of the value, before the places in it
 * @param max the number of values that are read; a larger value is the concern of a limit of its size
 */
export function jsonFault(value: unknown, name: string, max: number): string | undefined {
  const above = new Set<unknown>()
  const open: { value: unknown; place: string; isLeft?: boolean }[] = [{ value, place: name }]
  for (let count = 0; count < max;) {
    const each = open.at(-1)
    if (each === undefined) return undefined
    if (each.isLeft === true) {
      open.pop()
      above.delete(each.value)
      continue
    }
    count++
    const { value, place } = each
    if (!isContainer(value)) {
      const form = formOf(value)
      if (form !== undefined) return `${place} is ${form}`
      open.pop()
      continue
    }
    if (above.has(value)) return `${place} contains itself`
    above.add(value)
    each.isLeft = true
    if (Array.isArray(value)) {
      if (open.length + value.length > max) return undefined
      for (const [index, item] of value.entries())
        open.push({ value: item, place: `${place}[${index}]` })
    } else {
      for (const [key, field] of Object.entries(value)) {
        if (field !== undefined) open.push({ value: field, place: `${place}.${key}` })
      }
    }
  }
  return undefined
}

/** Whether JSON writes the items or fields of a value. */
const isContainer = (value: unknown): value is object =>
  Array.isArray(value) || (isPlain(value) && !hasOwnForm(value))

/** Also objects of classes of one's own: JSON writes their fields. */
const isPlain = (value: unknown): value is object => tagOf(value) === 'Object'

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1)

const hasOwnForm = (value: object): boolean =>
  'toJSON' in value && typeof value.toJSON === 'function'

/** The form of a value without a JSON form. Undefined if it has one. */
function formOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : String(value)
    case 'undefined':
      return 'undefined'
    case 'object':
      return value === null || hasOwnForm(value) ? undefined : `of the type ${tagOf(value)}`
    default:
      return `of the type ${typeof value}`
  }
}
