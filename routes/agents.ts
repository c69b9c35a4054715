/** Lists what there is to talk to. It tells no prompts, no keys and no addresses. */
import type { Hono } from 'hono'

import { onlyMethods } from './methods.ts'
import type { World } from './world.ts'

export function agentRoutes(app: Hono, { agents, config, models }: World): void {
  app.get('/api/agents', (c) =>
    c.json({
      agents: agents.map(({ name, description }) => ({
        name,
        ...(description !== undefined && { description }),
        default: name === config.agent,
      })),
    }),
  )
  app.get('/api/models', (c) => c.json({ providers: models.providers, default: config.model }))
  onlyMethods(app, '/api/agents', 'GET')
  onlyMethods(app, '/api/models', 'GET')
}
