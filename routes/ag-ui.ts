/** The route of AG-UI, below `/ag-ui`: an agent, by its name. */
import { type Context, Hono } from 'hono'

import { type FieldsOf, refuseMisspeltFields } from '../src/ground/known-fields.ts'
import { late } from '../src/ground/late.ts'
import type { Loom } from '../src/loom.ts'
import { answerError } from './errors.ts'
import { onlyMethods } from './methods.ts'
import { agUiRouteTable } from './route-table.ts'
import { requireScope } from './scope.ts'
import { worldOf } from './session-world.ts'
import type { SessionRoutesOptions } from './session.ts'

/**
 * The options of `agUiRoutes`: those of `sessionRoutes`.
 * @example
 * ```ts
 * import type { AgUiRoutesOptions } from 'loomkit'
 *
 * const options: AgUiRoutesOptions = { principalOf: (c) => c.get('userId') }
 * ```
 */
export type AgUiRoutesOptions = Omit<SessionRoutesOptions, 'tenantOf'>

const optionFields: FieldsOf<AgUiRoutesOptions> = {
  principalOf: true,
  contextOf: true,
  timeoutMs: true,
}

/**
 * Returns a Hono app with the routes of AG-UI 1.0: `POST /:agent` runs an agent, and `GET /:agent` returns its
 * capabilities. The `threadId` of a run is the id of a session.
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { agUiRoutes, defineAgent, Loom } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const app = new Hono()
 * app.route('/ag-ui', agUiRoutes(new Loom({ agents: [agent] })))
 * ```
 */
export function agUiRoutes(loom: Loom, options: AgUiRoutesOptions = {}): Hono {
  refuseMisspeltFields(options, { subject: 'The options of agUiRoutes have', known: optionFields })
  const { principalOf = () => '', contextOf, timeoutMs = 10_000 } = options
  const rules = { principalOf, contextOf, timeoutMs }
  const handlers = late(() => import('./ag-ui/handlers.ts'))
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, loom))
  for (const { handler, method, path, scope } of agUiRouteTable) {
    app.on(method, path, async (c: Context) => {
      await loom.sessions.start()
      const world = await worldOf(c, loom, rules)
      requireScope(c, world.principal, scope)
      return (await handlers())[handler](c, world)
    })
  }
  onlyMethods(app, '/:agent', agUiRouteTable.map(({ method }) => method).join(', '))
  return app
}
