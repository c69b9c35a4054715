/**
 * Decides about each request before its route: who sends it (`authentication.ts`), and whether this principal has
 * the scope that `route-table.ts` asks for. A route that the table lacks needs `admin`, so that a forgotten row
 * opens nothing.
 */
import type { Context, MiddlewareHandler } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import type { Principal, Scope } from '../src/ground/principal.ts'
import { notePrincipal } from './request-note.ts'
import { type Route, routeTable } from './route-table.ts'
import { requireScope } from './scope.ts'

/** Returns the principal of a request. @throws LoomError `unauthorized`, `unavailable` */
export type Authenticate = (c: Context) => Principal | Promise<Principal>

const principals = new WeakMap<Request, Principal>()

/**
 * Returns the principal of a request to a route that is not public.
 * @throws LoomError `unauthorized` for a request that was not authenticated
 */
export function principalOf(c: Context): Principal {
  const principal = principals.get(c.req.raw)
  if (principal !== undefined) return principal
  throw new LoomError('unauthorized', 'The server does not know the sender of this request.')
}

/** @param open the paths that need no credential, although the table asks for one */
export function enforceAccess(
  authenticate: Authenticate,
  open: readonly string[] = [],
): MiddlewareHandler {
  return async function access(c, next) {
    const needed = open.includes(c.req.path) ? 'nothing' : needOf(c)
    if (needed !== 'nothing') {
      const principal = await authenticate(c)
      principals.set(c.req.raw, principal)
      notePrincipal(c, principal)
      const isOperator = principal.operator !== undefined && rowOf(c)?.isForOperators === true
      if (principal.operator !== undefined && needed !== 'principal' && !isOperator) throw noUser()
      if (needed !== 'principal' && !isOperator) requireScope(c, principal, needed)
    }
    await next()
  }
}

const noUser = () =>
  new LoomError(
    'forbidden',
    'The key of an operator is for the routes under /api/admin and for /metrics. Use the credential of a tenant here.',
  )

/** What a request needs: nothing, any principal (for an answer 404 or 405), or a principal with a scope. */
function needOf(c: Context): 'nothing' | 'principal' | Scope {
  const matched = matchedBy(c)
  const rows = matched.flatMap(({ path }) => rowsAt.get(path) ?? [])
  const row = rowOf(c)
  if (row !== undefined) return row.scope === 'public' ? 'nothing' : row.scope
  if (rows.length > 0)
    return rows.every(({ scope }) => scope === 'public') ? 'nothing' : 'principal'
  if (matched.some((each) => each.method !== 'ALL')) return 'admin'
  return /^\/(?:(?:api|v1|ag-ui)\/|mcp$)/.test(c.req.path) ? 'principal' : 'nothing'
}

// Its successor in `hono/route` is missing in the oldest Hono of the peer range.
const matchedBy = (c: Context) => c.req.matchedRoutes.filter(({ path }) => !path.endsWith('*'))

/** The row of the route that answers a request. */
function rowOf(c: Context): Route | undefined {
  const method = c.req.method === 'HEAD' ? 'GET' : c.req.method
  const rows = matchedBy(c).flatMap(({ path }) => rowsAt.get(path) ?? [])
  return rows.find((each) => each.method === method)
}

const rowsAt = new Map<string, Route[]>()
for (const row of routeTable) rowsAt.set(row.path, [...(rowsAt.get(row.path) ?? []), row])
