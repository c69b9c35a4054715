/**
 * Whether the body of a request can still be read. A body parser of Express or Fastify in front of Hono
 * leaves nothing of it, and nothing would say so: the body would just be empty.
 */
import { Readable } from 'node:stream'

import type { Context } from 'hono'

import { LoomError } from '../ground/error.ts'

/** @throws LoomError `invalid-config` if something in front of Hono has read the body */
export function checkUnread(c: Context): void {
  if (!isReadByOthers(c)) return
  throw new LoomError(
    'invalid-config',
    'A body parser read this request before Loom, which reads the body itself. Mount the routes of Loom before the parser, for example above app.use(express.json()).',
  )
}

/** Whether a middleware of Hono has read the body: Hono then keeps it. */
export const isKept = (c: Context): boolean => Object.keys(c.req.bodyCache).length > 0

function isReadByOthers(c: Context): boolean {
  if (isKept(c)) return false
  const bindings: { incoming?: unknown } | undefined = c.env
  const incoming = bindings?.incoming
  // A function platform keeps the bytes in `rawBody`, and @hono/node-server reads them there.
  return incoming instanceof Readable && !('rawBody' in incoming)
    ? incoming.readableDidRead
    : c.req.raw.bodyUsed
}
