/**
 * The routes of sessions. A session is the same on every instance. For a principal that does not
 * own it, it does not exist.
 */
import { type Context, Hono } from 'hono'

import { type FieldsOf, refuseMisspeltFields } from '../src/ground/known-fields.ts'
import { late } from '../src/ground/late.ts'
import type { Loom } from '../src/loom.ts'
import { answerError } from './errors.ts'
import { onlyMethods } from './methods.ts'
import { type Method, methods, sessionBases, sessionRouteTable } from './route-table.ts'
import { requireScope } from './scope.ts'
import { type GivenPrincipal, worldOf } from './session-world.ts'

/**
 * The options of `sessionRoutes`.
 * @example
 * ```ts
 * import type { SessionRoutesOptions } from 'loomkit'
 *
 * const options: SessionRoutesOptions = {
 *   principalOf: (c) => c.get('userId'),
 *   contextOf: (c) => ({ role: c.get('role') }),
 * }
 * ```
 */
export interface SessionRoutesOptions {
  /**
   * Returns the principal of a request: the user or the tenant. Only the principal that created a session
   * finds it, and two principals may use the same session id. Tools receive it as `context.principal`. A text is
   * a tenant that may do everything; a `Principal` also has scopes, and may have a subject.
   * `undefined` refuses the request with status 401. A thrown `LoomError` or `HTTPException` keeps its
   * status; any other error is reported and gets status 500. @defaultValue one principal, '', for all requests
   */
  principalOf?: (c: Context) => GivenPrincipal | Promise<GivenPrincipal>
  /**
   * Returns the server's part of the context of a message, an object of JSON values. It is merged over the
   * context that the client sent, so a client cannot set its fields. It is stored with the message and reaches
   * the system prompt, the tools and the callbacks of its turn, also after an answer, an approval or a
   * takeover. It runs for each posted message, edit and regeneration, and for `…/prompt`; a later message gets
   * a new one. It must not read the body of the request. For errors, see `principalOf`.
   * @defaultValue all of the context is the client's
   */
  contextOf?: (c: Context) => object | undefined | Promise<object | undefined>
  /**
   * The time that `principalOf` and `contextOf` may each take, in milliseconds. After it, the request is
   * refused with status 503. If the client goes away before, the wait ends. @defaultValue 10000
   */
  timeoutMs?: number
  /** The earlier name of `principalOf`. @defaultValue none */
  tenantOf?: (c: Context) => string
}

const optionFields: FieldsOf<SessionRoutesOptions> = {
  principalOf: true,
  contextOf: true,
  timeoutMs: true,
  tenantOf: true,
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
export function sessionRoutes(loom: Loom, options: SessionRoutesOptions = {}): Hono {
  refuseMisspeltFields(options, {
    subject: 'The options of sessionRoutes have',
    known: optionFields,
  })
  const { tenantOf = () => '', principalOf = tenantOf, contextOf, timeoutMs = 10_000 } = options
  const rules = { principalOf, contextOf, timeoutMs }
  let isStarted = false
  const start = () => {
    if (isStarted) return
    loom.sessions.start().catch(loom.report)
    isStarted = true
  }
  // An instance that serves sessions takes over those of a dead instance, also before its first
  // request.
  try {
    start()
  } catch {
    // Cloudflare Workers allows timers and random values only while it handles a request. Another
    // failure repeats with the first request.
  }
  const handlers = late(() => import('./session-handlers.ts'))
  // The handlers load now, so that the first request does not wait for them.
  handlers().catch(loom.report)
  const to =
    ({ handler, scope }: (typeof sessionRouteTable)[number]) =>
    async (c: Context) => {
      start()
      const world = await worldOf(c, loom, rules)
      requireScope(c, world.principal, scope)
      return (await handlers())[handler](c, world)
    }
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, loom))
  for (const base of sessionBases) {
    for (const route of sessionRouteTable) app.on(route.method, `${base}${route.path}`, to(route))
    for (const path of new Set(sessionRouteTable.map((route) => route.path))) {
      onlyMethods(app, `${base}${path}`, methodsAt(path).join(', '))
    }
  }
  return app
}

const methodsAt = (path: string): Method[] => {
  const routes = sessionRouteTable.filter((route) => route.path === path)
  return methods.filter((method) => routes.some((route) => route.method === method))
}
