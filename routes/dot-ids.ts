/**
 * Refuses a request for a session named `.` or `..`. Every parser of URLs takes these as path
 * steps, also percent-encoded. Such a request would reach another path, or would get a 404 without
 * a reason.
 */
import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'

import { LoomError } from '../src/ground/error.ts'

const dotId = /\/chat\/(\.|%2e){1,2}(?=[/?]|$)/i

/**
 * Node reports the path as the client sent it. Other servers resolve the steps before Loom sees the
 * path.
 */
export function refuseDotIds(): MiddlewareHandler<{ Bindings?: Partial<HttpBindings> }> {
  return async function dotIds(c, next) {
    if (dotId.test(c.env?.incoming?.url ?? '')) throw new LoomError('invalid-request', noDotId)
    await next()
  }
}

const noDotId = 'A session’s id cannot be "." or "..": in an address these are steps.'
