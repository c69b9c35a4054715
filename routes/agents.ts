/** Lists the agents of the server. The list has no prompts. */
import type { Hono } from 'hono'

import type { Loom } from '../src/loom.ts'
import { onlyMethods } from './methods.ts'

export function agentRoutes(app: Hono, { agents, defaultAgent }: Loom): void {
  app.get('/api/agents', (c) =>
    c.json({
      agents: agents.map(({ name, description }) => ({
        name,
        ...(description !== undefined && { description }),
        default: name === defaultAgent,
      })),
    }),
  )
  onlyMethods(app, '/api/agents', 'GET')
}
