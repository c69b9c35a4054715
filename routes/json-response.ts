/** A large value as a JSON response. It is written as fast as the client reads, a piece at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Context } from 'hono'

import { isOnePiece, jsonPieces } from '../src/ground/json/pieces.ts'

/** @param replacer as of `jsonPieces` */
export function jsonResponse(
  c: Context,
  value: unknown,
  replacer?: (key: string, value: unknown) => unknown,
): Response {
  const headers = { 'content-type': 'application/json' }
  if (isOnePiece(value)) return c.body(JSON.stringify(value, replacer), 200, headers)
  const pieces = jsonPieces(value, replacer)
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // A reader that is fast must not take all pieces in one turn.
      await nextTurn()
      const { value: piece, done } = pieces.next()
      if (done === true) controller.close()
      else controller.enqueue(Buffer.from(piece))
    },
  })
  return c.body(body, 200, headers)
}
