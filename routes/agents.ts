/** Lists whom there is to talk to. It tells no prompts. */
import type { Hono } from 'hono'

import { onlyMethods } from './methods.ts'
import type { World } from './world.ts'

export function agentRoutes(app: Hono, { agents, config }: World): void {
  app.get('/api/agents', (c) =>
    c.json({
      agents: agents.map(({ name, description }) => ({
        name,
        ...(description !== undefined && { description }),
        default: name === config.agent,
      })),
    }),
  )
  onlyMethods(app, '/api/agents', 'GET')
}
