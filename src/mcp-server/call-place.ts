/**
 * The place of a call in the log of its answer. A client keeps it as the id of an event of a stream, or as the state of
 * a request that needs input, so any instance can continue the call there. It gives no right: each use of it asks
 * again whether the principal has the session.
 */
import { isFields } from '../ground/fields.ts'
import { jsonValueOf } from '../ground/json.ts'

export interface CallPlace {
  /** The id by which the client names the session. */
  session: string
  /** The id of the log, and of the answer. */
  logId: string
  /** The last entry that the call has read. Undefined before the first one. */
  after?: string | undefined
  /** The number of events of the first entry after it that do not belong to the answer. */
  skip?: number | undefined
  /** The letter that waits in the queue. Undefined once its turn has begun. */
  letterId?: string | undefined
  /** The number of progress notifications so far. */
  progress: number
  /** The ids of the questions that the client has received. */
  asked: string[]
}

const entryId = /^\d{1,15}-\d{1,15}$/

export const placeText = (place: object): string =>
  Buffer.from(JSON.stringify(place)).toString('base64url')

/** Returns undefined for a text that is no place. */
export function placeIn(text: string): (CallPlace & Record<string, unknown>) | undefined {
  const given = jsonValueOf(Buffer.from(text, 'base64url').toString())
  if (!isFields(given)) return undefined
  const { session, logId, after, skip, letterId, progress, asked } = given
  const isPlace =
    typeof session === 'string' &&
    typeof logId === 'string' &&
    (after === undefined || (typeof after === 'string' && entryId.test(after))) &&
    (skip === undefined || typeof skip === 'number') &&
    (letterId === undefined || typeof letterId === 'string') &&
    typeof progress === 'number' &&
    Array.isArray(asked) &&
    asked.every((id) => typeof id === 'string')
  if (!isPlace) return undefined
  return { ...given, session, logId, after, skip, letterId, progress, asked }
}
