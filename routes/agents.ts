/** Lists what there is to talk to. It tells no prompts, no keys and no addresses. */
import type { Hono } from 'hono'

import type { Loom } from '../src/loom.ts'
import type { ModelReference } from '../src/model.ts'
import { onlyMethods } from './methods.ts'

export function agentRoutes(app: Hono, { agents, defaultAgent, defaultModel, models }: Loom): void {
  app.get('/api/agents', (c) =>
    c.json({
      agents: agents.map(({ name, description }) => ({
        name,
        ...(description !== undefined && { description }),
        default: name === defaultAgent,
      })),
    }),
  )
  app.get('/api/models', (c) =>
    c.json({ providers: models.providers, default: modelName(defaultModel) }),
  )
  onlyMethods(app, '/api/agents', 'GET')
  onlyMethods(app, '/api/models', 'GET')
}

const modelName = (model: ModelReference): string =>
  typeof model === 'string' ? model : `${model.provider}/${model.modelId}`
