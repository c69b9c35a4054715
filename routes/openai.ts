/** The routes of OpenAI's API, below `/v1`. An agent is a model. */
import { type Context, Hono } from 'hono'

import { type FieldsOf, refuseMisspeltFields } from '../src/ground/known-fields.ts'
import { late } from '../src/ground/late.ts'
import type { Loom } from '../src/loom.ts'
import { answerError } from './errors.ts'
import { onlyMethods } from './methods.ts'
import { openAiRouteTable } from './route-table.ts'
import { requireScope } from './scope.ts'
import { worldOf } from './session-world.ts'
import type { SessionRoutesOptions } from './session.ts'

/**
 * The options of `openAiRoutes`: those of `sessionRoutes`.
 * @example
 * ```ts
 * import type { OpenAiRoutesOptions } from 'loomkit'
 *
 * const options: OpenAiRoutesOptions = { principalOf: (c) => c.get('userId') }
 * ```
 */
export type OpenAiRoutesOptions = Omit<SessionRoutesOptions, 'tenantOf'>

const optionFields: FieldsOf<OpenAiRoutesOptions> = {
  principalOf: true,
  contextOf: true,
  timeoutMs: true,
}

/**
 * Returns a Hono app with the routes of OpenAI's API: `POST /chat/completions`, `POST /responses` with the routes of a
 * response, and `GET /models`. A client of that API uses an agent as a model, by its name.
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { defineAgent, Loom, openAiRoutes } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const app = new Hono()
 * app.route('/v1', openAiRoutes(new Loom({ agents: [agent] })))
 * ```
 */
export function openAiRoutes(loom: Loom, options: OpenAiRoutesOptions = {}): Hono {
  refuseMisspeltFields(options, {
    subject: 'The options of openAiRoutes have',
    known: optionFields,
  })
  const { principalOf = () => '', contextOf, timeoutMs = 10_000 } = options
  const rules = { principalOf, contextOf, timeoutMs }
  const handlers = late(() => import('./openai/handlers.ts'))
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, loom, { isOpenAi: true }))
  for (const { handler, method, path, scope } of openAiRouteTable) {
    app.on(method, path, async (c: Context) => {
      await loom.sessions.start()
      const world = await worldOf(c, loom, rules)
      requireScope(c, world.principal, scope)
      return (await handlers())[handler](c, world)
    })
  }
  for (const path of new Set(openAiRouteTable.map((route) => route.path))) {
    const routes = openAiRouteTable.filter((route) => route.path === path)
    onlyMethods(app, path, routes.map(({ method }) => method).join(', '))
  }
  return app
}
