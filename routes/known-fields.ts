/**
 * The names of the fields of posted objects. A field that a route does not know is an error: a typing
 * error, or a setting that is ignored in silence, would otherwise show only in the answer.
 */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { isFields } from '../src/ground/fields.ts'
import { didYouMean, nearestNames } from '../src/model/nearest.ts'
import { readJson } from './body.ts'

/** Characters of a name that an error text repeats. */
const nameLengthMax = 64

/** @param advice another way to send such a value */
export function unknownField(name: string, known: Iterable<string>, advice = ''): LoomError {
  const names = [...known].sort()
  const quoted = JSON.stringify(name.slice(0, nameLengthMax))
  const list =
    names.length === 0 ? 'The body must have no field.' : `It may have: ${names.join(', ')}.`
  return new LoomError(
    'invalid-request',
    `The body has the unknown field ${quoted}.${didYouMean(nearestNames(name, names))} ${list}${advice}`,
  )
}

/**
 * Reads a posted object that has only these fields. The caller checks their values.
 * @param whenEmpty the value of an empty body; without it, an empty body is refused
 * @throws LoomError `invalid-request`, `payload-too-large` or `aborted`
 */
export async function readFields(
  c: Context,
  known: readonly string[],
  whenEmpty?: object,
): Promise<unknown> {
  const body = await readJson(c, whenEmpty)
  const unknown = isFields(body)
    ? Object.keys(body).find((name) => !known.includes(name))
    : undefined
  if (unknown !== undefined) throw unknownField(unknown, known)
  return body
}
