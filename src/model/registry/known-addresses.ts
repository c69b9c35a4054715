/**
 * Prevents a refreshed list from redirecting keys. A key goes to the address of its provider, so a
 * person who can change the list could collect keys. For a provider that is part of Loom's own list, a
 * newer list may change models, prices and the path of an address, but neither its host nor the names
 * of its keys. A provider with a new host gets it by the next version of Loom, or by
 * `<PROVIDER>_BASE_URL`. A new provider receives only keys with new names.
 */
import type { Catalog, ProviderModels } from './catalog.ts'
import { isLocal } from './endpoint.ts'
import type { ModelEntry, ProviderEntry } from './entry.ts'

/** Returns the function that makes a provider of a newer list safe. */
export function knownAddresses(shipped: Catalog): (entry: ProviderModels) => ProviderModels {
  const usedNames = new Set([...shipped.providers.values()].flatMap(({ env }) => env))
  return ({ provider, models }) => {
    const known = shipped.providers.get(provider.id)
    if (known === undefined) {
      const isNew = provider.env.every((name) => !usedNames.has(name))
      return {
        provider: withoutOpenAddress(isNew ? provider : { ...provider, env: [] }),
        models: models.map(withoutOpenAddress),
      }
    }
    const hosts = new Set([hostOf(known.api)])
    for (const { api } of shipped.models(provider.id)) hosts.add(hostOf(api))
    return {
      provider: { ...withKnownHost(provider, known, hosts), env: known.env },
      models: models.map((model) => withoutForeignHost(model, hosts)),
    }
  }
}

type Hosts = ReadonlySet<string | undefined>

function withKnownHost(provider: ProviderEntry, known: ProviderEntry, hosts: Hosts): ProviderEntry {
  if (provider.api !== undefined && hosts.has(hostOf(provider.api))) return provider
  const { api: _foreign, ...rest } = provider
  return known.api === undefined ? rest : { ...rest, api: known.api }
}

function withoutForeignHost(model: ModelEntry, hosts: Hosts): ModelEntry {
  if (model.api === undefined || hosts.has(hostOf(model.api))) return model
  const { api: _foreign, ...rest } = model
  return rest
}

/** Removes an unencrypted address, because a key sent to it can be read on the way. */
function withoutOpenAddress<ENTRY extends ProviderEntry | ModelEntry>(entry: ENTRY): ENTRY {
  const { api } = entry
  if (api === undefined || !/^http:/i.test(api) || isLocal(api)) return entry
  return { ...entry, api: undefined }
}

/** The scheme and host as text, because an address may hold variables. */
const hostOf = (address: string | undefined) => address?.split('/', 3).join('/')
