/**
 * The HTTP server of Loom as a Hono app. It starts nothing and opens no port, so tests and other
 * servers can mount it.
 */
import { type Context, Hono } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { enforceAccess, principalOf } from './access.ts'
import { adminRoutes } from './admin.ts'
import { agUiRoutes } from './ag-ui.ts'
import { agentRoutes } from './agents.ts'
import { authentication } from './authentication.ts'
import { refuseDotIds } from './dot-ids.ts'
import { answerError } from './errors.ts'
import { healthRoutes } from './health.ts'
import { enforceLimits } from './limits.ts'
import { mcpMetadataRoute } from './mcp-metadata.ts'
import { mcpRoutes } from './mcp.ts'
import { metricsRoute, openPaths } from './metrics.ts'
import { modelRoutes } from './models.ts'
import { openAiRoutes } from './openai.ts'
import { openApiRoutes } from './openapi.ts'
import { allowOrigins } from './origin.ts'
import { playgroundRoutes } from './playground.ts'
import { watchRequests } from './request-watch.ts'
import { securityHeaders } from './security-headers.ts'
import { sessionRoutes } from './session.ts'
import { tokenRoutes } from './tokens.ts'
import type { AppOptions, World } from './world.ts'

export function createApp(options: AppOptions): Hono {
  const world: World = {
    isReady: () => true,
    version: 'unknown',
    fetch,
    onAuthenticationFailure: () => {},
    watches: [],
    metrics: undefined,
    ...options,
  }
  const { loom, config } = world
  const app = new Hono()
  // A request that no route of a protocol receives, such as one without a key, gets an error in its form.
  const answer = (error: Error, c: Context) =>
    answerError(error, c, loom, {
      isOpenAi: c.req.path.startsWith('/v1/'),
      ...(c.req.path === '/mcp' && { jsonRpcId: null }),
    })
  app.onError(answer)
  app.use(watchRequests(world.watches), securityHeaders(), allowOrigins(config), refuseDotIds())
  const { fetch: fetchKeys, onAuthenticationFailure: onFailure } = world
  const authenticate = authentication({ config, fetch: fetchKeys, onFailure })
  app.use(enforceAccess(authenticate, openPaths(config)))
  for (const paths of ['/api/*', '/v1/*', '/mcp', '/ag-ui/*']) {
    if (world.limits !== undefined) app.use(paths, enforceLimits(world.limits))
  }
  app.route('/api', sessionRoutes(loom, { principalOf }))
  app.route('/v1', openAiRoutes(loom, { principalOf }))
  app.route('/mcp', mcpRoutes(loom, { principalOf, version: world.version }))
  app.route('/ag-ui', agUiRoutes(loom, { principalOf }))
  mcpMetadataRoute(app, world)
  tokenRoutes(app, loom, config)
  adminRoutes(app, loom, config)
  agentRoutes(app, loom)
  modelRoutes(app, loom)
  healthRoutes(app, world)
  metricsRoute(app, world)
  openApiRoutes(app, world)
  playgroundRoutes(app)
  app.notFound((c) =>
    answer(new LoomError('not-found', 'There is nothing here: no route has this path.'), c),
  )
  return app
}
