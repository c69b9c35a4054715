/** Sends a large value as a JSON response, in pieces and as fast as the client reads. */
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Context } from 'hono'

import { isOnePiece, jsonPieces } from '../src/ground/json/pieces.ts'

/** @param replacer see `jsonPieces` */
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
      // Without this turn, a fast reader would take all pieces in one turn of the event loop.
      await nextTurn()
      const { value: piece, done } = pieces.next()
      if (done === true) controller.close()
      else controller.enqueue(Buffer.from(piece))
    },
  })
  return c.body(body, 200, headers)
}
