/** For load balancers: `/healthz` says that the process lives, `/readyz` that it takes new work. */
import type { Hono } from 'hono'

import { onlyMethods } from './methods.ts'
import type { World } from './world.ts'

/**
 * `/readyz` answers 503 while the server drains, and while the store has not taken a heartbeat for as
 * long as an instance counts as alive: a store that is away, frozen or full. Other instances then
 * count this one as dead, and it could accept no message.
 */
export function healthRoutes(app: Hono, { isReady, loom }: World): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', (c) => {
    if (!isReady() || loom.sessions.isDraining) return c.json({ status: 'draining' }, 503)
    return loom.sessions.isConnected
      ? c.json({ status: 'ready' })
      : c.json({ status: 'store-unavailable' }, 503)
  })
  onlyMethods(app, '/healthz', 'GET')
  onlyMethods(app, '/readyz', 'GET')
}
