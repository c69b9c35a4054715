/**
 * Turns the JSON of models.dev into a catalog. An entry that cannot be read is left out and not fatal:
 * the format grows. Whether too much was left out is for the caller to say. It is read in pieces, for
 * a server streams answers meanwhile.
 */
import { setImmediate } from 'node:timers/promises'

import { objectIn } from '../../ground/fields.ts'
import { type EncodedProvider, encodeProvider, type ProviderModels } from './catalog.ts'
import { modelsOf, readProvider } from './entry.ts'

const modelsAtATime = 200

/**
 * @param change what is kept of a provider. @defaultValue all
 * @throws Error where it is not even a record of providers.
 */
export async function encodePayload(
  value: unknown,
  change: (given: ProviderModels) => ProviderModels = (given) => given,
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
