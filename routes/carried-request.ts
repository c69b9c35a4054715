/**
 * The requests that arrive in the messages of a WebSocket. Each takes the same path through the app as a request
 * of its own connection. Its note has what it cannot have as a request.
 */
import type { Context } from 'hono'

import type { Principal } from '../src/ground/principal.ts'

export interface CarriedRequest {
  /** The posted chat, which was read from the message. Undefined for a request without a body. */
  posted: object | undefined
  /** The principal of the socket, if the socket carries no other answer now: its stream then counts for this one. */
  streamOf: Principal | undefined
  /** Settles when the answer has ended. */
  ended: Promise<void>
}

const carried = new WeakMap<Request, CarriedRequest>()

export const noteCarried = (request: Request, note: CarriedRequest) =>
  void carried.set(request, note)

export const carriedRequestOf = (c: Context): CarriedRequest | undefined => carried.get(c.req.raw)
