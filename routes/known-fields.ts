/**
 * The names of the fields of posted objects. A field that a route does not know is an error: a typing
 * error, or a setting that is ignored in silence, would otherwise show only in the answer.
 */
import type { Context } from 'hono'

import type { LoomError } from '../src/ground/error.ts'
import { isFields } from '../src/ground/fields.ts'
import { unknownField } from '../src/ground/known-fields.ts'
import { readJson } from './body.ts'

/** @param advice another way to send such a value */
export const unknownBodyField = (name: string, names: Iterable<string>, advice = ''): LoomError =>
  unknownField(name, { subject: 'The body has', code: 'invalid-request', names, advice })

/**
 * Reads a posted object that has only these fields. The caller checks their values.
 * @param whenEmpty the value of an empty body; without it, an empty body is refused
 * @param advice for unknown fields: another way to send them
 * @throws LoomError `invalid-request`, `payload-too-large` or `aborted`
 */
export async function readFields(
  c: Context,
  known: readonly string[],
  whenEmpty?: object,
  advice: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const body = await readJson(c, whenEmpty)
  const unknown = isFields(body)
    ? Object.keys(body).find((name) => !known.includes(name))
    : undefined
  if (unknown !== undefined) {
    const given = Object.hasOwn(advice, unknown) ? advice[unknown] : undefined
    throw unknownBodyField(unknown, known, given)
  }
  return body
}
