/** What JSON values weigh in memory, about: for bounds, where a count would say nothing. */
import { isObject } from '../ground/json/weight.ts'

/** In bytes. A string that several values share counts with each of them. */
export function memoryOf(value: unknown): number {
  let bytes = 0
  const open: unknown[] = [value]
  while (open.length > 0) {
    const each = open.pop()
    if (typeof each === 'string') bytes += 16 + each.length
    else if (!isObject(each)) bytes += 8
    else {
      bytes += 32
      // A list of the values would cost more than all else here.
      for (const key in each) {
        bytes += 8
        open.push(each[key])
      }
    }
  }
  return bytes
}
