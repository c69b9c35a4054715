/** The approximate memory of JSON values, for limits. The number of values would say little. */
import { isObject } from '../ground/json/weight.ts'

/** Returns bytes. A string that several values share counts once for each of them. */
export function memorySize(value: unknown): number {
  let bytes = 0
  const rest: unknown[] = [value]
  while (rest.length > 0) {
    const each = rest.pop()
    if (typeof each === 'string') bytes += 16 + each.length
    else if (!isObject(each)) bytes += 8
    else {
      bytes += 32
      // `Object.values` would cost more than the rest of this loop.
      for (const key in each) {
        bytes += 8
        rest.push(each[key])
      }
    }
  }
  return bytes
}
