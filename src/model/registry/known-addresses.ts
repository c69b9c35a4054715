/**
 * Keeps a refreshed list from sending keys somewhere else. The address of a provider is where its key
 * goes, so whoever could change the list could collect keys. Of a provider that came with Loom, a
 * newer list may change models and prices, and the path of an address, but neither its host nor the
 * names of its keys; a provider that moved moves with the next version of Loom, or by
 * `<PROVIDER>_BASE_URL`. A provider that is new is only sent keys under names that are new.
 */
import type { Catalog, ProviderModels } from './catalog.ts'
import { isLocal } from './endpoint.ts'
import type { ModelEntry, ProviderEntry } from './entry.ts'

/** What makes a provider of a newer list safe to have. */
export function knownAddresses(shipped: Catalog): (given: ProviderModels) => ProviderModels {
  const taken = new Set([...shipped.providers.values()].flatMap(({ env }) => env))
  return ({ provider, models }) => {
    const known = shipped.providers.get(provider.id)
    if (known === undefined) {
      const isNew = provider.env.every((name) => !taken.has(name))
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

/** A key that is sent in the open is as good as given away. */
function withoutOpenAddress<ENTRY extends ProviderEntry | ModelEntry>(entry: ENTRY): ENTRY {
  const { api } = entry
  if (api === undefined || !/^http:/i.test(api) || isLocal(api)) return entry
  return { ...entry, api: undefined }
}

/** As text, for it may hold variables; with its scheme. */
const hostOf = (address: string | undefined) => address?.split('/', 3).join('/')
