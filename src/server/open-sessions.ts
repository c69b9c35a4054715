/** The sessions of a server: in Redis where it has one, and else in this process. */
import type { Agent } from '../agent.ts'
import type { Config } from '../config.ts'
import type { Models } from '../model.ts'
import { Sessions } from '../sessions.ts'
import type { Store } from '../store.ts'
import { openMemoryStore } from '../store/memory.ts'

/** How long a finished answer can still be resumed. */
const logTtlMs = 10 * 60_000
const mailboxLimit = 100
/** How long a follower trusts silence: hints are fast, and now and then one is lost. */
const pollMs = 1000

export interface OpenSessionsOptions {
  config: Config
  agents: readonly Agent[]
  models: Models
  report: (error: unknown) => void
}

/** @throws LoomError `invalid-config` or `unavailable` for a Redis that cannot be used */
export async function openSessions(options: OpenSessionsOptions): Promise<Sessions> {
  const { config, agents, models, report } = options
  const sessions = new Sessions({
    store: await openStore(config, report),
    tails: new Map(),
    agentOf: (name) => agents.find((agent) => agent.name === name),
    models,
    defaultModel: config.model,
    limits: config.limits,
    // Nothing is spared by writing to memory more seldom.
    flushMs: config.redisUrl === undefined ? 0 : config.flushMs,
    patienceMs: config.redisPatienceMs,
    heartbeatMs: config.heartbeatMs,
    logTtlMs,
    mailboxLimit,
    pollMs,
    report,
  })
  await sessions.instance.start()
  return sessions
}

async function openStore(config: Config, report: (error: unknown) => void): Promise<Store> {
  const { redisUrl: url, redisPatienceMs: patienceMs, sessionTtlMs } = config
  if (url === undefined) return openMemoryStore({ sessionTtlMs })
  // A server without Redis need not load its client.
  const { openRedisStore } = await import('../store/redis.ts')
  return openRedisStore({
    url,
    patienceMs,
    sessionTtlMs,
    report: (notice) => report(notice.type === 'warning' ? notice.message : notice.error),
  })
}
