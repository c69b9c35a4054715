/** Lists the agents of the server. The list has no prompts. */
import type { Hono } from 'hono'

import type { Loom } from '../src/loom.ts'
import { onlyMethods } from './methods.ts'

export function agentRoutes(app: Hono, loom: Loom): void {
  app.get('/api/agents', (c) =>
    c.json({
      // The agents can change while the server runs.
      agents: loom.agents.map(({ name, description, models }) => ({
        name,
        ...(description !== undefined && { description }),
        ...(Array.isArray(models) && { models }),
        default: name === loom.defaultAgent,
      })),
    }),
  )
  onlyMethods(app, '/api/agents', 'GET')
}
