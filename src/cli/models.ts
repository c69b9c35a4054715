/** `loom models`: what may be named as a model, as far as it is known. */
import { setTimeout as delay } from 'node:timers/promises'

import { readRegistryConfig } from '../config.ts'
import { type Environment } from '../ground/environment.ts'
import { demoModelIds } from '../model/demo.ts'
import { networkFetch } from '../model/network.ts'
import { createModels } from '../model/resolve.ts'
import { modelTable } from '../server/model-table.ts'
import { openRegistry } from '../server/open-registry.ts'
import type { CommandWorld } from './app.ts'

export interface ListModelsOptions {
  /** Words that a name must all hold. None lists what can be used with the keys that are set. */
  query: string
  isJson: boolean
}

/** How long a newer list is waited for. */
const newerListMs = 3000

/** @throws LoomError `invalid-config` */
export async function listModels(
  { program }: CommandWorld,
  { query, isJson }: ListModelsOptions,
): Promise<string> {
  const leaving = new AbortController()
  const registry = await openRegistry(readRegistryConfig(program.env), {
    signal: leaving.signal,
    fetch: networkFetch(program.env),
  })
  const models = createModels({ environment: program.env, registry })
  // Whoever asks for the list wants the newest; a network that does not answer is no reason to wait.
  const patience = delay(newerListMs, undefined, { signal: leaving.signal }).catch(() => undefined)
  await Promise.race([registry.catalog().then(() => registry.settled()), patience])
  const list = await models.search(query === '' ? { configured: true } : { query })
  leaving.abort()
  return isJson ? `${JSON.stringify(list)}\n` : modelTable(list)
}

/**
 * What the beginning of a model's name may become: providers, and when one is written, its models.
 * Ids with a colon are left out, since bash cuts words there.
 */
export async function modelNames(environment: Environment, written: string): Promise<string[]> {
  // A shell that waits for candidates is no time to ask the network.
  const config = { ...readRegistryConfig(environment), modelsUrl: undefined }
  const registry = await openRegistry(config)
  const slash = written.indexOf('/')
  if (slash < 0) {
    const { providers } = createModels({ environment, registry })
    const listed = await registry.providers()
    return [...new Set([...providers, ...listed.map(({ id }) => id)])].map((id) => `${id}/`)
  }
  const provider = written.slice(0, slash)
  const entry = await registry.provider(provider)
  const ids =
    provider === 'demo'
      ? demoModelIds
      : entry && (await registry.models(entry.id)).map(({ id }) => id)
  return (ids ?? []).filter((id) => !id.includes(':')).map((id) => `${provider}/${id}`)
}
