/** Estimates the work for a JSON value: its characters, and an amount for each value. */

/** The characters of text that take as long to read or to write as one value. */
const valueWeight = 32

/**
 * Returns the weight of a value, or at least `max` if the weight is `max` or more. `max` bounds the
 * work, so a value of any size may be weighed, also one with cycles.
 */
export function weightOf(value: unknown, max: number): number {
  let weight = 0
  const open: unknown[] = [value]
  while (open.length > 0 && weight < max) {
    const each = open.pop()
    weight += valueWeight
    if (typeof each === 'string') weight += each.length
    else if (!isObject(each)) continue
    else if (ArrayBuffer.isView(each)) weight += 2 * each.byteLength
    else if (!Array.isArray(each)) {
      for (const key in each) {
        weight += key.length
        // An inherited field only adds to the weight.
        open.push(each[key])
      }
    } else if (weight + each.length * valueWeight >= max) return max
    else for (const item of each) open.push(item)
  }
  return weight
}

const weights = new WeakMap<object, number>()

/** Returns the weight of an object that does not change afterwards: it is computed once. */
export function wholeWeight(value: object): number {
  const known = weights.get(value)
  if (known !== undefined) return known
  const weight = weightOf(value, Infinity)
  weights.set(value, weight)
  return weight
}

/** True for any object, so that its fields can be read by name. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
