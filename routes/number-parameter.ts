/** Numbers in the query of a request. */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'

/**
 * Reads a query parameter that is a whole number.
 * @returns undefined if the request has no such parameter
 * @throws LoomError `invalid-request` for any value but a whole number from 1 to `max`
 */
export function numberParameter(c: Context, name: string, max: number): number | undefined {
  const text = c.req.query(name)
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= max) return value
  throw new LoomError('invalid-request', `${name} must be a whole number from 1 to ${max}.`)
}
