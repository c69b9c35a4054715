/** Opens the agents of a server and their sessions: in Redis if it is set, else in this process. */
import type { Agent } from '../agent.ts'
import type { Config } from '../config.ts'
import { LoomError } from '../ground/error.ts'
import { Loom } from '../loom.ts'
import type { Models } from '../model.ts'
import type { Store } from '../store.ts'
import { openMemoryStore } from '../store/memory.ts'

export interface OpenLoomOptions extends OpenStoreOptions {
  config: Config
  agents: readonly Agent[]
  /** The name of the agent of requests that name none. @defaultValue that of the settings, else the first */
  defaultAgent?: string
  models: Models
}

export interface OpenStoreOptions {
  config: Pick<Config, 'redisUrl' | 'redisPrefix' | 'redisPatienceMs' | 'sessionTtlMs'>
  report: (error: unknown) => void
  /** Called when Redis answers again. */
  onBack?: () => void
}

/** @throws LoomError `invalid-config` or `unavailable` for a Redis that cannot be used */
export async function openLoom(options: OpenLoomOptions): Promise<Loom> {
  const { config, agents, defaultAgent = config.agent, models, report } = options
  const loom = new Loom({
    agents,
    models,
    report,
    store: await openStore(options),
    ...(defaultAgent !== undefined && { defaultAgent }),
    defaultModel: config.model,
    limits: config.limits,
    // More writes to memory cost nothing.
    flushMs: config.redisUrl === undefined ? 0 : config.flushMs,
    patienceMs: config.redisPatienceMs,
    heartbeatMs: config.heartbeatMs,
    keepAliveMs: config.keepAliveMs,
    fileUrls: config.fileUrls,
  })
  await loom.sessions.start()
  return loom
}

/** Redis is outside of this program, so the error needs no stack: one line names the failure. */
const away = (cause: Error) =>
  new LoomError('unavailable', `Redis: ${cause.message || cause.name}`, { cause })

/** @throws LoomError `invalid-config` or `unavailable` for a Redis that cannot be used */
export async function openStore({ config, report, onBack }: OpenStoreOptions): Promise<Store> {
  const { redisUrl: url, redisPrefix: prefix, redisPatienceMs: patienceMs, sessionTtlMs } = config
  if (url === undefined) return openMemoryStore({ sessionTtlMs })
  // A server without Redis does not load its client.
  const { openRedisStore } = await import('../store/redis.ts')
  return openRedisStore({
    url,
    prefix,
    patienceMs,
    sessionTtlMs,
    report(notice) {
      if (notice.type === 'connected') onBack?.()
      else report(notice.type === 'warning' ? notice.message : away(notice.error))
    },
  })
}
