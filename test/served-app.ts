/**
 * Loom's app in the form of `loom serve`, in this process: sessions in memory, without the
 * machine's environment.
 */
import type { Hono } from 'hono'

import { createApp } from '../routes/app.ts'
import type { Agent } from '../src/agent.ts'
import { type Config, readConfig } from '../src/config.ts'
import type { Models } from '../src/model.ts'
import { createModels } from '../src/model/resolve.ts'
import { openLoom } from '../src/server/open-loom.ts'

export interface ServedAppOptions {
  agents: readonly Agent[]
  /** @defaultValue the settings of an empty environment, whose agent is the first of `agents` */
  config?: Config
  models?: Models
  report?: (error: unknown) => void
  isReady?: () => boolean
}

export async function servedApp(options: ServedAppOptions): Promise<Hono> {
  const { agents, models = createModels({ environment: {} }), report = () => {}, isReady } = options
  const config = options.config ?? readConfig({ LOOM_AGENT: agents[0]?.name })
  const loom = await openLoom({ config, agents, models, report })
  return createApp({ loom, config, ...(isReady !== undefined && { isReady }) })
}
