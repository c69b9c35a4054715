/** Whether a value can be written as JSON in pieces. Other work can run while the value is read. */
import { isObject } from '../../ground/json/weight.ts'
import { WorkSteps } from '../../ground/long-work.ts'

/**
 * `plain`: JSON. `references`: JSON with a key `$ref`. `other`: a value with cycles, big integers or
 * a `toJSON`, which each package writes in its own way.
 */
export type JsonForm = 'plain' | 'references' | 'other'

/** The work for one value, as the number of text characters that take about as much work. */
const valueSize = 32

interface Level {
  parent: object
  values: unknown[]
  next: number
}

export async function jsonForm(value: unknown): Promise<JsonForm> {
  const steps = new WorkSteps()
  const ancestors = new Set<object>()
  const levels: Level[] = [{ parent: ancestors, values: [value], next: 0 }]
  let form: JsonForm = 'plain'
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (level.next === level.values.length) {
      ancestors.delete(level.parent)
      levels.pop()
      continue
    }
    const each = level.values[level.next++]
    if (typeof each === 'bigint') return 'other'
    if (!isObject(each)) continue
    if (typeof each['toJSON'] === 'function' || ancestors.has(each)) return 'other'
    if (Object.hasOwn(each, '$ref')) form = 'references'
    const values = Object.values(each)
    ancestors.add(each)
    levels.push({ parent: each, values, next: 0 })
    await steps.next(valueSize * (1 + values.length))
  }
  return form
}
