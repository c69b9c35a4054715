/**
 * Checks for load balancers: `/healthz` answers while the process runs, `/readyz` while it accepts
 * new work.
 */
import type { Hono } from 'hono'

import { onlyMethods } from './methods.ts'
import type { World } from './world.ts'

/**
 * `/readyz` answers 503 while the server drains. It also answers 503 after the store has accepted
 * no heartbeat for the time that an instance counts as alive: the store is away, frozen or full.
 * Other instances then count this one as dead, and it could accept no message. A full instance is
 * ready: it still sends streams and takes answers to calls, and if all instances were unready, a balancer
 * would refuse every request. Only the body says `full`.
 */
export function healthRoutes(app: Hono, { isReady, loom }: World): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', (c) => {
    if (!isReady() || loom.sessions.isDraining) return c.json({ status: 'draining' }, 503)
    if (!loom.sessions.isConnected) return c.json({ status: 'store-unavailable' }, 503)
    const { running, max } = loom.sessions.turns
    return c.json({ status: running < max ? 'ready' : 'full' })
  })
  onlyMethods(app, '/healthz', 'GET')
  onlyMethods(app, '/readyz', 'GET')
}
