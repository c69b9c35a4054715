/**
 * Lists models: those that can be used now, or with `?query=` all known models that match its
 * words. The list has no keys and no addresses.
 */
import type { Hono } from 'hono'

import type { Loom } from '../src/loom.ts'
import type { ModelReference } from '../src/model.ts'
import { onlyMethods } from './methods.ts'
import { numberParameter } from './number-parameter.ts'

const limitMax = 1000

export function modelRoutes(app: Hono, { defaultModel, models }: Loom): void {
  app.get('/api/models', async (c) => {
    const query = c.req.query('query')
    const limit = numberParameter(c, 'limit', limitMax)
    const list = await models.search({
      configured: query === undefined,
      ...(query !== undefined && { query: query.slice(0, 200) }),
      ...(limit !== undefined && { limit }),
    })
    const providers = [...new Set([...models.providers, ...list.providers])]
    return c.json({
      default: modelName(defaultModel),
      providers,
      models: list.models,
      total: list.total,
    })
  })
  onlyMethods(app, '/api/models', 'GET')
}

const modelName = (model: ModelReference): string =>
  typeof model === 'string' ? model : `${model.provider}/${model.modelId}`
