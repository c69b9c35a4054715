/**
 * Opens a model of a listed provider. Its address and the name of its key come from the registry, so the
 * user has to set only the key. A model that is not in the list is also tried: there are new models
 * every day, and private ones.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import type { Transport } from './openai-compatible/transport.ts'
import { openPackage, ownProtocols } from './own-protocol.ts'
import { checkAddress, quote, type ModelSettings, variableOf } from './provider-settings.ts'
import type { Registry } from './registry.ts'
import {
  type Endpoint,
  endpointOf,
  fillAddress,
  isLocal,
  variablesOf,
} from './registry/endpoint.ts'
import type { ProviderEntry } from './registry/entry.ts'

export interface RegistryModelOptions {
  /** The user's text, for errors. */
  reference: string
  /** The user's text in lower case: an id or a short name. */
  name: string
  modelId: string
  set: ModelSettings
  registry: Registry
  transport: () => Promise<Transport>
  fetch: typeof globalThis.fetch
  /** Receives the key. It may come from a variable that no other setting names. */
  onKey: (key: string) => void
}

/**
 * Returns undefined if no such provider is listed.
 * @throws LoomError `missing-key` that names the variable; `unknown-model` if Loom does not support the
 * provider's protocol.
 */
export async function openRegistryModel(
  options: RegistryModelOptions,
): Promise<LanguageModelV4 | undefined> {
  const { name, modelId, set, registry, transport, fetch, onKey } = options
  const provider = await registry.provider(name)
  if (provider === undefined) return undefined
  const endpoint = endpointOf(provider, await registry.model(provider.id, modelId))
  const apiKey = keyOf(set, keyVariablesOf(name, provider, endpoint))
  const baseUrl = addressOf(options, { provider, endpoint, isKeyMissing: apiKey === undefined })
  if (apiKey === undefined && !isLocal(baseUrl)) throw missingKey(options, provider, endpoint)
  if (apiKey !== undefined) onKey(apiKey)
  const protocol = ownProtocols.get(endpoint.protocol)
  if (protocol === undefined) {
    const { openAICompatible } = await import('./openai-compatible.ts')
    const names = { provider: name, modelId }
    return openAICompatible({ ...names, baseUrl, transport: await transport(), apiKey })
  }
  const { completions } = endpoint
  const baseURL = baseUrl.replace(/\/+$/, '')
  return openPackage(protocol, modelId, { baseURL, apiKey, fetch, completions })
}

/** Whether the key of a listed provider and all variables of its address are set. */
export function isSetUp(provider: ProviderEntry, set: ModelSettings): boolean {
  if (set.has(provider.id) || set.hasAddress(provider.id)) return true
  if (ownProtocols.has(provider.id)) return set.apiKey(provider.id) !== undefined
  const endpoint = endpointOf(provider)
  if (endpoint.address === undefined) return false
  const missing = variablesOf(endpoint.address).some((name) => set.variable(name) === undefined)
  return !missing && keyOf(set, keyVariablesOf(provider.id, provider, endpoint)) !== undefined
}

/** The variables that may hold the key. The generic name comes first: only this provider can use it. */
function keyVariablesOf(name: string, provider: ProviderEntry, endpoint: Endpoint): string[] {
  const generic = [name, provider.id].map((name) => `${variableOf(name)}_API_KEY`)
  return [...new Set([...generic, ...endpoint.keyVariables])]
}

function keyOf(set: ModelSettings, variables: readonly string[]): string | undefined {
  return variables.map(set.variable).find((key) => key !== undefined)
}

function addressOf(
  { reference, name, set }: RegistryModelOptions,
  {
    provider,
    endpoint,
    isKeyMissing,
  }: { provider: ProviderEntry; endpoint: Endpoint; isKeyMissing: boolean },
): string {
  const { address } = endpoint
  if (address === undefined) {
    throw new LoomError(
      'unknown-model',
      `Model ${quote(reference)}: ${quote(provider.id)} has a protocol of its own, which Loom does not support. Set ${variableOf(provider.id)}_BASE_URL to an OpenAI-compatible address of it.`,
    )
  }
  const missing = variablesOf(address).filter((name) => set.variable(name) === undefined)
  if (missing.length > 0) {
    const key = keyVariableNames(name, provider, endpoint).join(' or ')
    const also = isKeyMissing ? `, and its API key: ${key}` : ''
    throw new LoomError(
      'missing-key',
      `Model ${quote(reference)} needs to know where it is: set ${missing.join(' and ')}${also}.`,
    )
  }
  const filled = fillAddress(address, set.variable)
  return checkAddress(filled, `The address of provider ${quote(provider.id)}`)
}

function missingKey(
  { reference, name }: RegistryModelOptions,
  provider: ProviderEntry,
  endpoint: Endpoint,
): LoomError {
  const variables = keyVariableNames(name, provider, endpoint)
  return new LoomError(
    'missing-key',
    `Model ${quote(reference)} needs an API key: set ${variables.join(' or ')}.`,
  )
}

/** The variable names for errors: those on the provider's own pages, if there are any. */
const keyVariableNames = (name: string, provider: ProviderEntry, endpoint: Endpoint) =>
  endpoint.keyVariables.length > 0
    ? endpoint.keyVariables
    : keyVariablesOf(name, provider, endpoint)
