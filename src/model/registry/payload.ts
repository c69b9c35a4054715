/**
 * Converts the JSON of models.dev to a catalog. An unreadable entry is left out and is no error, because
 * the format grows. The caller decides whether too many entries are missing. It works in pieces,
 * because a server streams answers at the same time.
 */
import { setImmediate } from 'node:timers/promises'

import { objectIn } from '../../ground/fields.ts'
import { type EncodedProvider, encodeProvider, type ProviderModels } from './catalog.ts'
import { modelsOf, readProvider } from './entry.ts'

const modelsAtATime = 200

/**
 * @param change returns the provider to keep. @defaultValue keeps every provider unchanged
 * @throws Error if the value is not a record of providers.
 */
export async function encodePayload(
  value: unknown,
  change: (entry: ProviderModels) => ProviderModels = (entry) => entry,
): Promise<EncodedProvider[]> {
  const fields = objectIn(value)
  if (fields === undefined) throw new Error('The list of models is no object.')
  const encoded: EncodedProvider[] = []
  let read = 0
  for (const [id, item] of Object.entries(fields)) {
    const provider = readProvider(id, item)
    if (provider === undefined) continue
    const models = modelsOf(item)
    encoded.push(encodeProvider(change({ provider, models })))
    read += models.length
    if (read < modelsAtATime) continue
    read = 0
    await setImmediate()
  }
  return encoded
}
