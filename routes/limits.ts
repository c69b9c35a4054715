/** Enforces the limits of principals on requests and streams, and reports them in the headers of responses. */
import type { Context, MiddlewareHandler } from 'hono'

import type { Principal } from '../src/ground/principal.ts'
import type { PrincipalLimits } from '../src/server/limits/principal-limits.ts'
import type { Standing } from '../src/server/limits/window.ts'
import { outgoingOf } from '../src/wire/node-pipe.ts'
import { principalOf } from './access.ts'
import { carriedRequestOf } from './carried-request.ts'

export function enforceLimits(limits: PrincipalLimits): MiddlewareHandler {
  return async function limit(c, next) {
    const principal = principalOf(c)
    // An operator belongs to no tenant whose limits it could use up.
    if (principal.operator !== undefined) return next()
    try {
      const standing = await limits.countRequest(principal)
      if (standing !== undefined) describe(c, standing)
      if (isStream(c) && !isStreamOfSocket(c, principal)) {
        const close = await limits.openStream(principal)
        const carried = carriedRequestOf(c)
        const outgoing = outgoingOf(c)
        outgoing?.once('close', close)
        if (carried !== undefined) void carried.ended.then(close)
        else if (outgoing === undefined || outgoing.destroyed) close()
      }
    } catch (error) {
      describeError(c, limits, error)
      throw error
    }
    await next()
    describeError(c, limits, c.error)
  }
}

const streams =
  /^\/api\/(?:agents\/[^/]+\/)?chat(?:|\/[^/]+\/(?:stream|socket|tools\/.+|approvals\/.+))$/

/** Whether the response is a stream, or waits for an answer like one. */
function isStream(c: Context): boolean {
  const { method, path } = c.req
  // The response of a completion waits for its answer, also without a stream.
  if (path === '/v1/chat/completions') return method === 'POST'
  if (path === '/mcp') return method !== 'DELETE'
  if (path.startsWith('/ag-ui/')) return method === 'POST'
  if (!streams.test(path)) return false
  if (method === 'GET') return path.endsWith('/stream') || path.endsWith('/socket')
  return method === 'POST' && !/\brespond-async\b/.test(c.req.header('prefer') ?? '')
}

/** A socket counts as one stream, and so does each answer that it carries beside another one. */
function isStreamOfSocket(c: Context, { tenant, subject }: Principal): boolean {
  const owner = carriedRequestOf(c)?.streamOf
  return owner !== undefined && owner.tenant === tenant && owner.subject === subject
}

function describeError(c: Context, limits: PrincipalLimits, error: unknown): void {
  const standing = error instanceof Error ? limits.standingOf(error) : undefined
  if (standing !== undefined) describe(c, { ...standing, remaining: 0 })
}

/** The header fields of draft-ietf-httpapi-ratelimit-headers-10. */
function describe(c: Context, { name, quota, remaining, resetS }: Standing): void {
  // The fields have whole numbers.
  const [unit, factor] = units[name] ?? ['', 1]
  const whole = (amount: number) => Math.floor(amount * factor)
  c.header('RateLimit-Policy', `"${name}";q=${whole(quota.amount)};w=${quota.windowS}${unit}`)
  c.header('RateLimit', `"${name}";r=${whole(remaining)};t=${resetS}`)
}

const units: Readonly<Record<string, [parameter: string, factor: number]>> = {
  tokens: [';qu="tokens"', 1],
  cost: [';qu="micro-usd"', 1_000_000],
}
