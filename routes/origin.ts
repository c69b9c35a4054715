/**
 * Checks which web pages may call this server. A browser lets any page post to a server on this
 * machine and sends the page's origin. Without this check, a page on the internet could use the
 * agent and its tools. A client that is not a browser sends none of these headers, so it is not
 * checked.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'

import { isLoopback } from '../src/config.ts'
import type { Config } from '../src/config.ts'
import { needsCredential } from '../src/config/access.ts'
import { LoomError } from '../src/ground/error.ts'

// A page of another origin can read only these headers and the basic ones.
const exposeHeaders = [
  'x-vercel-ai-ui-message-stream',
  'x-vercel-ai-data-stream',
  'x-loom-session',
  'x-request-id',
  'mcp-session-id',
  'retry-after',
  'ratelimit',
  'ratelimit-policy',
  'link',
]

export function allowOrigins(config: Config): MiddlewareHandler {
  const plain = { origin: (origin: string) => origin, exposeHeaders, maxAge: 600 }
  const answerCors = cors(plain)
  const answerWithCookies = cors({ ...plain, credentials: true })
  return async (c, next) => {
    const origin = c.req.header('origin') ?? originWithoutHeader(c)
    // The operator allowed the origin of this page by name, so its Host header needs no check. A
    // proxy may change that header.
    if (origin === undefined || !hasCookies(origin, config)) refuseForeignHost(c, config)
    if (origin === undefined) return next()
    const mayCall = isAllowed(c, origin, config) && !usesCookies(c, origin, config)
    if (!mayCall) {
      throw new LoomError(
        'forbidden-origin',
        'This origin may not call this server: add it to LOOM_CORS_ORIGINS, or set LOOM_PUBLIC_URL if it is the address of this server.',
      )
    }
    // A page that only `*` allows must not use the cookies of its user (Fetch standard, 3.2.5).
    return hasCookies(origin, config) ? answerWithCookies(c, next) : answerCors(c, next)
  }
}

/**
 * Finds the origin of a request that changes something, comes from a page, and has no `Origin`
 * header. A form or a `text/plain` body crosses origins without a preflight. Current browsers send
 * the origin of such a POST; older ones send only the address of the page.
 */
function originWithoutHeader(c: Context): string | undefined {
  if (['GET', 'HEAD', 'OPTIONS'].includes(c.req.method)) return undefined
  const site = c.req.header('sec-fetch-site')
  if (site === 'cross-site' || site === 'same-site') return 'null'
  const page = c.req.header('referer')
  if (page === undefined || site !== undefined || needsPreflight(c)) return undefined
  return URL.canParse(page) ? new URL(page).origin : undefined
}

/** Content types that are not "CORS-safelisted" (Fetch standard, 2.2.2). */
function needsPreflight(c: Context): boolean {
  const [type = ''] = (c.req.header('content-type') ?? '').split(';', 1)
  return !safelisted.has(type.trim().toLowerCase())
}

const safelisted = new Set([
  '',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
])

function isAllowed(c: Context, origin: string, config: Config): boolean {
  const { corsOrigins, host: bound } = config
  if (corsOrigins.includes('*') || hasCookies(origin, config)) return true
  if (isOwnPage(c, origin)) return true
  return URL.canParse(origin) && isLoopback(bound) && isLoopback(new URL(origin).hostname)
}

function isOwnPage(c: Context, origin: string): boolean {
  // No script can set this header. The browser compared the addresses that it sees itself, and a
  // proxy that rewrites Host hides these from this server.
  if (c.req.header('sec-fetch-site') === 'same-origin') return true
  // The origin `null` is a page in a sandbox or a file. Both may come from anywhere.
  return URL.canParse(origin) && new URL(origin).host === hostOf(c)
}

/**
 * A browser sends its cookies with every request for a WebSocket, also for a page that only `*` allows. A proxy may
 * know the user by them, so such a page would act as the user.
 */
const usesCookies = (c: Context, origin: string, config: Config): boolean =>
  c.req.header('upgrade') !== undefined &&
  config.access.proxy !== undefined &&
  !hasCookies(origin, config) &&
  !isOwnPage(c, origin)

/** True for the origins that the operator named. */
const hasCookies = (origin: string, { corsOrigins, publicUrl }: Config): boolean =>
  corsOrigins.includes(origin.toLowerCase()) || origin.toLowerCase() === publicUrl

/**
 * Refuses an unknown host, against DNS rebinding: a page whose own name points at this machine has
 * the same host, and sends no origin with a GET. Only its `Host` header shows it. The allowed
 * origins do not help against it, so `LOOM_CORS_ORIGINS=*` does not turn this check off. A page of
 * another name has no API key. So a proxy may send any host name if the server needs keys and lists
 * no hosts.
 */
function refuseForeignHost(c: Context, config: Config): void {
  const { corsOrigins, publicUrl, host: bound, allowedHosts } = config
  const host = hostOf(c)
  if (allowedHosts === undefined && (needsCredential(config) || !isLoopback(bound))) return
  if (isLoopback(withoutPort(host)) || allowedHosts?.some((allowed) => matches(host, allowed)))
    return
  const ownOrigins = publicUrl === undefined ? corsOrigins : [...corsOrigins, publicUrl]
  if (ownOrigins.some((origin) => origin !== '*' && new URL(origin).host === host)) return
  // A load balancer or Kubernetes sends these requests to the IP address of the container.
  if (allowedHosts !== undefined && !isLoopback(bound) && isProbe(c)) return
  throw new LoomError(
    'forbidden-origin',
    'This server does not answer to this host name: add the name to LOOM_ALLOWED_HOSTS, or set LOOM_PUBLIC_URL to the address of this server.',
  )
}

const withoutPort = (host: string): string => host.replace(/:\d+$/, '')

/** A name without a port allows every port. */
function matches(host: string, allowed: string): boolean {
  if (allowed === '*') return true
  const name = /:\d+$/.test(allowed) ? host : withoutPort(host)
  return allowed.startsWith('*.') ? name.endsWith(allowed.slice(1)) : name === allowed
}

const isProbe = (c: Context): boolean => c.req.path === '/healthz' || c.req.path === '/readyz'

function hostOf(c: Context): string {
  return (c.req.header('host') ?? new URL(c.req.url).host).toLowerCase()
}
