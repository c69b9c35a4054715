/** Loom as `loom serve` opens it, on a real socket, over either store. The disposal closes everything. */
import { createApp } from '../../routes/app.ts'
import type { Agent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import type { Loom } from '../../src/loom.ts'
import { createModels } from '../../src/model/resolve.ts'
import { openLimits } from '../../src/server/limits/open-limits.ts'
import { listen } from '../../src/server/listen.ts'
import { openLoom } from '../../src/server/open-loom.ts'

export interface Served extends AsyncDisposable {
  url: string
  /** The address for posts. */
  api: string
  loom: Loom
  /** Ends the server as a signal does. */
  stop: (graceMs: number) => Promise<void>
  app: ReturnType<typeof createApp>
  /** The lines of the server's log. */
  reported: unknown[]
}

/**
 * @param environment the environment of the process. The default is empty: a server in memory without
 * keys.
 */
export async function openServed(
  agents: readonly [Agent, ...Agent[]],
  environment: Record<string, string> = {},
): Promise<Served> {
  const config = readConfig({ LOOM_AGENT: agents[0].name, ...environment })
  const reported: unknown[] = []
  const report = (error: unknown) => void reported.push(error)
  const loom = await openLoom({ config, agents, report, models: createModels({ environment: {} }) })
  const limits =
    Object.keys(config.quotas).length === 0 ? undefined : await openLimits(config, report)
  const app = createApp({ loom, config, limits })
  const { url, stop } = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  return {
    url,
    api: `${url}/api/chat`,
    loom,
    stop,
    app,
    reported,
    async [Symbol.asyncDispose]() {
      await stop(0)
      limits?.close()
      await loom.close()
    },
  }
}
