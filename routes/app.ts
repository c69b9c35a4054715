/**
 * The HTTP server of Loom as a Hono app. It starts nothing and listens nowhere, so tests and other
 * servers mount it as they like.
 */
import { Hono } from 'hono'

import { LoomError } from '../src/error.ts'
import { agentRoutes } from './agents.ts'
import { chatRoutes } from './chat.ts'
import { answerError } from './errors.ts'
import { healthRoutes } from './health.ts'
import { allowOrigins } from './origin.ts'
import { playgroundRoutes } from './playground.ts'
import type { AppOptions, World } from './world.ts'

export function createApp(options: AppOptions): Hono {
  const { agents } = options
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
  chatRoutes(app, world)
  agentRoutes(app, world)
  healthRoutes(app, world)
  playgroundRoutes(app)
  app.notFound((c) => answerError(new LoomError('not-found', 'There is nothing here.'), c, world))
  return app
}
