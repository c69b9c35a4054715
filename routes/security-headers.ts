/**
 * Headers of every response, also of errors, streams and files: a browser must not guess its type, show it in a
 * frame of another page, or send its address on. An answer of the API is private, so no cache keeps it.
 */
import type { MiddlewareHandler } from 'hono'

/** A response that is not a page loads and runs nothing. A page sets its own policy. */
const noContent = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

export function securityHeaders(): MiddlewareHandler {
  return async function secure(c, next) {
    await next()
    const { headers } = c.res
    const add = (name: string, value: string) => {
      if (!headers.has(name)) c.header(name, value)
    }
    add('X-Content-Type-Options', 'nosniff')
    add('Referrer-Policy', 'no-referrer')
    add('X-Frame-Options', 'DENY')
    add('Content-Security-Policy', noContent)
    add('Cross-Origin-Opener-Policy', 'same-origin')
    add('Cross-Origin-Resource-Policy', 'same-origin')
    const isPrivate = c.req.path.startsWith('/api/') || c.res.status >= 400
    add('Cache-Control', isPrivate ? 'no-store' : 'no-cache')
  }
}
