/**
 * The routes with which an admin governs its tenant: it lists, stops, deletes, exports and erases sessions of all
 * subjects. The handlers load at the first request.
 */
import type { Context, Hono } from 'hono'

import type { Config } from '../src/config.ts'
import { late } from '../src/ground/late.ts'
import type { Loom } from '../src/loom.ts'
import { type AdminWorld, isOverall, worldOfAdmin } from './admin-world.ts'
import { onlyMethods } from './methods.ts'
import { adminRouteTable, type Method, methods } from './route-table.ts'

type HandlerName =
  | 'list'
  | 'show'
  | 'inspect'
  | 'remove'
  | 'stop'
  | 'exportAll'
  | 'erase'
  | 'auditTrail'

type Handler = (c: Context, world: AdminWorld) => Response | Promise<Response>

export function adminRoutes(app: Hono, loom: Loom, config: Config): void {
  const handlers = late(() => import('./admin-handlers.ts'))
  const overall = late(() => import('./admin-overall.ts'))
  const to = (name: HandlerName) => async (c: Context) => {
    const handler: Handler = (await handlers())[name]
    return handler(c, worldOfAdmin(c, loom))
  }
  app.get('/api/admin/sessions', async (c) =>
    isOverall(c) ? (await overall()).listAll(c, loom) : to('list')(c),
  )
  app.get('/api/admin/sessions/:id', to('show'))
  app.get('/api/admin/sessions/:id/inspect', to('inspect'))
  app.delete('/api/admin/sessions/:id', to('remove'))
  app.post('/api/admin/sessions/:id/stop', to('stop'))
  app.get('/api/admin/export', to('exportAll'))
  app.post('/api/admin/erase', to('erase'))
  app.get('/api/admin/audit', to('auditTrail'))
  const instances = late(() => import('./admin-instances.ts'))
  app.get('/api/admin/instances', async (c) => (await instances()).listInstances(c, loom, config))
  app.post('/api/admin/instances/:id/drain', async (c) =>
    (await instances()).drainInstance(c, loom, config),
  )
  for (const path of new Set(adminRouteTable.map((row) => row.path))) {
    onlyMethods(app, path, methodsAt(path).join(', '))
  }
}

const methodsAt = (path: string): Method[] =>
  methods.filter((method) =>
    adminRouteTable.some((row) => row.path === path && row.method === method),
  )
