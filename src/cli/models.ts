/** `loom models`: lists the models that Loom knows. */
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
  /** Words that a name must contain. An empty text lists the models whose keys are set. */
  query: string
  isJson: boolean
}

/** The longest wait for a newer list, in milliseconds. */
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
  // The user expects the newest list, but a network without an answer must not delay the output.
  const patience = delay(newerListMs, undefined, { signal: leaving.signal }).catch(() => undefined)
  await Promise.race([registry.catalog().then(() => registry.settled()), patience])
  const list = await models.search(query === '' ? { configured: true } : { query })
  leaving.abort()
  return isJson ? `${JSON.stringify(list)}\n` : modelTable(list)
}

/**
 * Completes the beginning of a model's name: providers, or after a provider its models. Ids with a
 * colon are left out, because bash splits words there.
 */
export async function modelNames(environment: Environment, written: string): Promise<string[]> {
  // No network request, because the shell waits for the candidates.
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
