/**
 * Tells whoever asks for a session named `.` or `..` that there can be none. To every reader of
 * addresses these are steps, also percent-encoded: what is asked of such a session would otherwise be
 * asked of something else, or found missing without a reason.
 */
import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'

import { LoomError } from '../src/ground/error.ts'

const dotId = /\/chat\/(\.|%2e){1,2}(?=[/?]|$)/i

/** Node has the path as it was sent; elsewhere its steps are taken before anybody sees them. */
export function refuseDotIds(): MiddlewareHandler<{ Bindings?: Partial<HttpBindings> }> {
  return async function dotIds(c, next) {
    if (dotId.test(c.env?.incoming?.url ?? '')) throw new LoomError('invalid-request', noDotId)
    await next()
  }
}

const noDotId = 'A session’s id cannot be "." or "..": in an address these are steps.'
