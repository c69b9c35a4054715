/** Opens the agents of a server and their sessions. */
import type { Agent } from '../agent.ts'
import type { Config } from '../config.ts'
import { Loom } from '../loom.ts'
import type { Models } from '../model.ts'
import type { TurnMeter } from '../session/turn-meter.ts'
import { type OpenedStore, openStore, type OpenStoreOptions } from './open-store.ts'

export interface OpenLoomOptions extends OpenStoreOptions {
  config: Config
  agents: readonly Agent[]
  /** The name of the agent of requests that name none. @defaultValue that of the settings, else the first */
  defaultAgent?: string
  models: Models
  /** @defaultValue the store that the settings name */
  opened?: OpenedStore
  /** Counts the turns of principals. @defaultValue counts nothing */
  meter?: TurnMeter | undefined
}

/** @throws LoomError as `openStore` */
export async function openLoom(options: OpenLoomOptions): Promise<Loom> {
  const { config, agents, defaultAgent = config.agent, models, report } = options
  const { store, kind } = options.opened ?? (await openStore(options))
  const loom = new Loom({
    agents,
    models,
    report,
    store,
    ...(defaultAgent !== undefined && { defaultAgent }),
    defaultModel: config.model,
    limits: config.limits,
    // More writes to memory cost nothing.
    flushMs: kind === 'memory' ? 0 : config.flushMs,
    patienceMs: config.redisPatienceMs,
    heartbeatMs: config.heartbeatMs,
    turnsMax: config.turnsMax,
    storageLimits: config.storageLimits,
    ...(options.meter !== undefined && { meter: options.meter }),
    tasks: config.tasks,
    keepAliveMs: config.keepAliveMs,
    fileUrls: config.fileUrls,
  })
  await loom.sessions.start()
  return loom
}
