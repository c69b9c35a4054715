/** The route of the Model Context Protocol, over Streamable HTTP. Each agent is a tool. */
import { type Context, Hono } from 'hono'

import { type FieldsOf, refuseMisspeltFields } from '../src/ground/known-fields.ts'
import { late } from '../src/ground/late.ts'
import type { Loom } from '../src/loom.ts'
import { answerError } from './errors.ts'
import { onlyMethods } from './methods.ts'
import { mcpRouteTable } from './route-table.ts'
import { requireScope } from './scope.ts'
import { worldOf } from './session-world.ts'
import type { SessionRoutesOptions } from './session.ts'

/**
 * The options of `mcpRoutes`.
 * @example
 * ```ts
 * import type { McpRoutesOptions } from 'loomkit'
 *
 * const options: McpRoutesOptions = { principalOf: (c) => c.get('userId'), version: '2.1.0' }
 * ```
 */
export interface McpRoutesOptions extends Omit<SessionRoutesOptions, 'tenantOf'> {
  /** The version of the server that clients show. @defaultValue 'unknown' */
  version?: string
}

const optionFields: FieldsOf<McpRoutesOptions> = {
  principalOf: true,
  contextOf: true,
  timeoutMs: true,
  version: true,
}

/**
 * Returns a Hono app with an MCP endpoint at its root. An MCP client uses each agent as a tool.
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { defineAgent, Loom, mcpRoutes } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const app = new Hono()
 * app.route('/mcp', mcpRoutes(new Loom({ agents: [agent] })))
 * ```
 */
export function mcpRoutes(loom: Loom, options: McpRoutesOptions = {}): Hono {
  refuseMisspeltFields(options, {
    subject: 'The options of mcpRoutes have',
    known: optionFields,
  })
  const { principalOf = () => '', contextOf, timeoutMs = 10_000, version = 'unknown' } = options
  const rules = { principalOf, contextOf, timeoutMs }
  const handlers = late(() => import('./mcp/handlers.ts'))
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, loom, { jsonRpcId: null }))
  for (const { handler, method, path, scope } of mcpRouteTable) {
    app.on(method, path, async (c: Context) => {
      await loom.sessions.start()
      const world = await worldOf(c, loom, rules)
      requireScope(c, world.principal, scope)
      return (await handlers())[handler](c, world, version)
    })
  }
  onlyMethods(app, '/', mcpRouteTable.map(({ method }) => method).join(', '))
  return app
}
