/**
 * The HTTP server of Loom as a Hono app. It starts nothing and listens nowhere, so tests and other
 * servers mount it as they like.
 */
import { Hono } from 'hono'

import type { Agent } from '../src/agent.ts'
import { LoomError } from '../src/error.ts'
import { agentRoutes } from './agents.ts'
import { chatRoutes } from './chat.ts'
import { answerError } from './errors.ts'
import { healthRoutes } from './health.ts'
import { modelRoutes } from './models.ts'
import { allowOrigins } from './origin.ts'
import { playgroundRoutes } from './playground.ts'
import { sessionRoutes } from './session.ts'
import { bearerKeys } from './tenant.ts'
import type { AppOptions, World } from './world.ts'

export function createApp(options: AppOptions): Hono {
  const { agents, sessions } = options
  const world: World = {
    isReady: () => true,
    report: () => {},
    ...options,
    agentOf(name) {
      const agent = agents.find((agent) => agent.name === name)
      if (agent !== undefined) return agent
      const names = agents.map((agent) => agent.name).join(', ')
      throw new LoomError('unknown-agent', `There is no such agent. There are: ${names}.`)
    },
  }
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, world))
  app.use(allowOrigins(world.config))
  app.use('/api/*', bearerKeys(world.config.apiKeys))
  if (sessions === undefined) chatRoutes(app, world)
  else sessionRoutes(app, { ...world, sessions, checkModel: (agent) => checkModel(agent, world) })
  agentRoutes(app, world)
  modelRoutes(app, world)
  healthRoutes(app, world)
  playgroundRoutes(app)
  app.notFound((c) => answerError(new LoomError('not-found', 'There is nothing here.'), c, world))
  return app
}

/** What a callback will say is known only in the run. */
async function checkModel({ model }: Agent, { models, config }: World): Promise<void> {
  if (typeof model === 'function') return
  const [first, ...fallbacks] = Array.isArray(model) ? model : [model ?? config.model]
  if (first !== undefined && fallbacks.length === 0) await models.resolve(first)
}
