/** For load balancers: `/healthz` says that the process lives, `/readyz` that it takes new work. */
import type { Hono } from 'hono'

import { onlyMethods } from './methods.ts'
import type { World } from './world.ts'

export function healthRoutes(app: Hono, { isReady }: World): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', (c) =>
    isReady() ? c.json({ status: 'ready' }) : c.json({ status: 'draining' }, 503),
  )
  onlyMethods(app, '/healthz', 'GET')
  onlyMethods(app, '/readyz', 'GET')
}
