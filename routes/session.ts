/**
 * The routes of sessions. A session is the same on every instance. For a tenant that does not own
 * it, it does not exist.
 */
import { type Context, Hono } from 'hono'

import { late } from '../src/ground/late.ts'
import type { Loom } from '../src/loom.ts'
import { answerError } from './errors.ts'
import { onlyMethods } from './methods.ts'
import type { SessionWorld } from './session-world.ts'

/**
 * The options of `sessionRoutes`.
 * @example
 * ```ts
 * import type { SessionRoutesOptions } from 'loomkit'
 *
 * const options: SessionRoutesOptions = { tenantOf: (c) => c.get('userId') }
 * ```
 */
export interface SessionRoutesOptions {
  /**
   * Returns the tenant of a request. Only the tenant that created a session finds it, and two tenants may
   * use the same session id. @defaultValue one tenant, '', for all requests
   */
  tenantOf?: (c: Context) => string
}

/**
 * Returns a Hono app with all routes of the sessions of `loom`, below `/chat` and `/agents/:agent/chat`. It
 * also starts the heartbeat of this instance, which takes over sessions whose instance died.
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { defineAgent, Loom, sessionRoutes } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const app = new Hono()
 * app.route('/api', sessionRoutes(new Loom({ agents: [agent] })))
 * ```
 */
export function sessionRoutes(
  loom: Loom,
  { tenantOf = () => '' }: SessionRoutesOptions = {},
): Hono {
  const world: SessionWorld = { loom, tenantOf }
  // An instance that serves sessions takes over those of a dead instance, also before its first
  // request.
  loom.sessions.start().catch(loom.report)
  const handlers = late(() => import('./session-handlers.ts'))
  // The handlers load now, so that the first request does not wait for them.
  handlers().catch(loom.report)
  const to = (name: keyof Awaited<ReturnType<typeof handlers>>) => async (c: Context) =>
    (await handlers())[name](c, world)
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, loom))
  for (const base of ['/chat', '/agents/:agent/chat']) {
    app.post(base, to('post'))
    app.get(base, to('list'))
    app.get(`${base}/:id`, to('show'))
    app.delete(`${base}/:id`, to('remove'))
    app.get(`${base}/:id/stream`, to('resume'))
    app.post(`${base}/:id/stop`, to('stop'))
    app.get(`${base}/:id/messages`, to('messages'))
    app.get(`${base}/:id/branches`, to('branches'))
    app.get(`${base}/:id/prompt`, to('prompt'))
    app.get(`${base}/:id/queue`, to('queue'))
    app.post(`${base}/:id/queue/run`, to('runQueue'))
    app.delete(`${base}/:id/queue/:messageId`, to('withdraw'))
    app.post(`${base}/:id/fork`, to('fork'))
    app.post(`${base}/:id/tools/:toolCallId`, to('answerTool'))
    app.post(`${base}/:id/approvals/:approvalId`, to('decide'))
    onlyMethods(app, base, 'GET, POST')
    onlyMethods(app, `${base}/:id`, 'GET, DELETE')
    for (const path of ['stream', 'messages', 'branches', 'prompt', 'queue'])
      onlyMethods(app, `${base}/:id/${path}`, 'GET')
    for (const path of ['stop', 'fork', 'queue/run'])
      onlyMethods(app, `${base}/:id/${path}`, 'POST')
  }
  return app
}
