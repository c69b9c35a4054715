/**
 * `GET /metrics`, for Prometheus. The metrics are sums over all tenants, so a request needs the scope `admin`,
 * unless `LOOM_METRICS=open`. Without authentication, every request has it.
 */
import type { Hono } from 'hono'

import type { Config } from '../src/config.ts'
import { LoomError } from '../src/ground/error.ts'
import { onlyMethods } from './methods.ts'
import type { World } from './world.ts'

const path = '/metrics'

/** The paths that need no credential because of the settings. */
export const openPaths = ({ metrics }: Pick<Config, 'metrics'>): readonly string[] =>
  metrics === 'open' ? [path] : []

export function metricsRoute(app: Hono, { metrics }: World): void {
  app.get(path, async (c) => {
    if (metrics === undefined) {
      throw new LoomError('not-found', 'This server has no metrics: LOOM_METRICS is off.')
    }
    return c.body(await metrics.text(), 200, {
      'content-type': metrics.contentType,
      'cache-control': 'no-store',
    })
  })
  onlyMethods(app, path, 'GET')
}
