/** How much work a JSON value makes, about: its characters, and something for each value. */

/** A value takes as long to write or to read as so many characters of a text. */
const valueWeight = 32

/**
 * The weight of a value; not less than `max` where it is that or more. The work is bounded by `max`, so
 * that a value of any size may be weighed, also one with cycles.
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

/** Any object may be read by name. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
