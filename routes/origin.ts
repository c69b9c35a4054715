/**
 * Which web pages may call. A browser lets any page post to a server on this machine and tells its
 * origin, so without this check a page on the internet could talk to the agent and its tools.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'

import { isLoopback } from '../src/config.ts'
import type { Config } from '../src/config.ts'
import { LoomError } from '../src/error.ts'

// A page of another origin sees no other headers than these and the basic ones.
const exposeHeaders = [
  'x-vercel-ai-ui-message-stream',
  'x-vercel-ai-data-stream',
  'x-loom-session',
  'retry-after',
]

export function allowOrigins(config: Config): MiddlewareHandler {
  const answerCors = cors({ origin: (origin) => origin, exposeHeaders, maxAge: 600 })
  return async (c, next) => {
    refuseForeignHost(hostOf(c), config)
    const origin = c.req.header('origin')
    if (origin === undefined) return next()
    if (isAllowed(origin, hostOf(c), config)) return answerCors(c, next)
    throw new LoomError(
      'forbidden-origin',
      'This origin may not call this server: add it to LOOM_CORS_ORIGINS.',
    )
  }
}

function isAllowed(origin: string, host: string, { corsOrigins, host: bound }: Config): boolean {
  if (corsOrigins.includes('*') || corsOrigins.includes(origin.toLowerCase())) return true
  // `null` is a page in a sandbox or a file, which may come from anywhere.
  if (!URL.canParse(origin)) return false
  const { host: page, hostname } = new URL(origin)
  return page === host || (isLoopback(bound) && isLoopback(hostname))
}

/**
 * DNS rebinding: a page whose own name was pointed at this machine is of the same host, and sends no
 * origin with a GET. Only its `Host` gives it away.
 */
function refuseForeignHost(host: string, { corsOrigins, host: bound }: Config): void {
  if (!isLoopback(bound) || isLoopback(host.replace(/:\d+$/, ''))) return
  if (corsOrigins.some((origin) => origin === '*' || new URL(origin).host === host)) return
  throw new LoomError(
    'forbidden-origin',
    'This server only answers to the name of this machine: add the origin to LOOM_CORS_ORIGINS.',
  )
}

function hostOf(c: Context): string {
  return (c.req.header('host') ?? new URL(c.req.url).host).toLowerCase()
}
