/**
 * Turns the JSON of models.dev into a catalog. An entry that cannot be read is left out and not fatal:
 * the format grows. Whether too much was left out is for the caller to say. It is read in pieces, for
 * a server streams answers meanwhile.
 */
import { setImmediate } from 'node:timers/promises'

import type { ProviderModels } from './catalog.ts'
import { fieldsOf, type ModelEntry, readModel, readProvider } from './entry.ts'

const modelsAtATime = 500

/** @throws Error where it is not even a record of providers. */
export async function readPayload(value: unknown): Promise<ProviderModels[]> {
  const fields = fieldsOf(value)
  if (fields === undefined) throw new Error('The list of models is no object.')
  const list: ProviderModels[] = []
  let read = 0
  for (const [id, item] of Object.entries(fields)) {
    const provider = readProvider(id, item)
    if (provider === undefined) continue
    const models = modelsOf(item)
    list.push({ provider, models })
    read += models.length
    if (read < modelsAtATime) continue
    read = 0
    await setImmediate()
  }
  return list
}

export function modelsOf(provider: unknown): ModelEntry[] {
  const models = fieldsOf(fieldsOf(provider)?.['models']) ?? {}
  return Object.entries(models).flatMap(([id, model]) => readModel(id, model) ?? [])
}
