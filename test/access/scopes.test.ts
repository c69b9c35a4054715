/** Each route needs the scope that the table of routes names. */
import type { Hono } from 'hono'
import { describe, expect, it } from 'vitest'

import { assistant } from '../../agents/assistant.ts'
import { routeTable, sessionBases, sessionRouteTable } from '../../routes/route-table.ts'
import { readConfig } from '../../src/config.ts'
import { scopeNames } from '../../src/ground/principal.ts'
import { Loom, type Principal, sessionRoutes } from '../../src/index.ts'
import { servedApp } from '../served-app.ts'

const methods = new Set(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])

describe('the table of routes', () => {
  it('has every route of the server, and no other', async () => {
    const app = await servedApp({ agents: [assistant] })
    const served = app.routes
      .filter(({ method }) => methods.has(method))
      .map(({ method, path }) => `${method} ${path}`)
    const rows = routeTable.map(({ method, path }) => `${method} ${path}`)
    expect(rows.toSorted()).toEqual([...new Set(served)].toSorted())
  })

  it('has a row for the path of every route that takes all methods', async () => {
    const app = await servedApp({ agents: [assistant] })
    const paths = app.routes.filter(({ path }) => !path.endsWith('*')).map(({ path }) => path)
    const known = new Set(routeTable.map(({ path }) => path))
    expect(paths.filter((path) => !known.has(path))).toEqual([])
  })

  it('lets only routes outside of /api be public', () => {
    const open = routeTable.filter(({ scope }) => scope === 'public').map(({ path }) => path)
    expect(open.filter((path) => path.startsWith('/api'))).toEqual([])
  })
})

describe('a server with keys', () => {
  it.each(routeTable.filter(({ scope }) => scope !== 'public'))(
    'answers 401 to $method $path without a key',
    async ({ method, path }) => {
      const config = readConfig({ LOOM_AGENT: 'assistant', LOOM_API_KEYS: 'a-long-secret' })
      const app = await servedApp({ agents: [assistant], config })
      const response = await app.request(path.replaceAll(/:(\w+)/g, '$1'), {
        method,
        headers: { host: 'localhost' },
      })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/)
    },
  )
})

/** The routes of sessions for a principal, in an app of a program. */
function routesFor(principal: Principal): Hono {
  return sessionRoutes(new Loom({ agents: [assistant] }), { principalOf: () => principal })
}

describe('a principal', () => {
  const rows = sessionBases.flatMap((base) =>
    sessionRouteTable.map((row) => ({
      ...row,
      at: `${base}${row.path}`.replace(':agent', 'assistant').replaceAll(/:(\w+)/g, '$1'),
    })),
  )

  it.each(rows)('needs the scope $scope for $method $at', async ({ method, at, scope }) => {
    const enough = scopeNames.indexOf(scope)
    for (const [index, held] of scopeNames.entries()) {
      const app = routesFor({ tenant: 'acme', scopes: [held] })
      const body = method === 'POST' ? { body: '{}' } : {}
      const headers = { accept: 'application/json' }
      const response = await app.request(at, { method, headers, ...body })
      const isForbidden = response.status === 403
      expect(isForbidden, `with ${held}: ${response.status}`).toBe(index < enough)
      if (!isForbidden) continue
      expect(await response.json()).toMatchObject({ error: { code: 'forbidden' } })
      expect(response.headers.get('www-authenticate')).toContain(`scope="${scope}"`)
    }
  })

  it('without a scope may do nothing', async () => {
    const app = routesFor({ tenant: 'acme', scopes: [] })
    expect((await app.request('/chat')).status).toBe(403)
  })

  it('that is a text may do everything', async () => {
    const loom = new Loom({ agents: [assistant] })
    const app = sessionRoutes(loom, { principalOf: () => 'ada' })
    expect((await app.request('/chat')).status).toBe(200)
    expect((await app.request('/chat/nowhere/prompt')).status).toBe(404)
  })

  it.each([
    ['a number', 7],
    ['an unknown scope', { tenant: 'acme', scopes: ['root'] }],
    ['no scopes', { tenant: 'acme' }],
    ['an empty subject', { tenant: 'acme', subject: '', scopes: ['chat'] }],
  ])('with %s is a fault of the program', async (_name, given) => {
    const faults: unknown[] = []
    const loom = new Loom({ agents: [assistant], report: (error) => faults.push(error) })
    // @ts-expect-error A program may be written without types.
    const app = sessionRoutes(loom, { principalOf: () => given })
    expect((await app.request('/chat')).status).toBe(500)
    expect(String(faults[0])).toContain('principalOf must return')
  })
})
