/**
 * Opens a model of a listed provider: its address and the name of its key come from the registry, so
 * that a key in the environment is all the set-up there is. A model that the list does not know is
 * tried all the same: there are new ones every day, and private ones.
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

export interface RegisteredOptions {
  /** As the user wrote it, for errors. */
  reference: string
  /** As the user wrote it, in lower case: an id or a short name. */
  name: string
  modelId: string
  set: ModelSettings
  registry: Registry
  transport: () => Promise<Transport>
  fetch: typeof globalThis.fetch
  /** Told of the key, which may stand in a variable that nothing else takes for one. */
  onKey: (key: string) => void
}

/**
 * Undefined where no such provider is listed.
 * @throws LoomError `missing-key` that names the variable; `unknown-model` where Loom does not speak
 * the provider's protocol.
 */
export async function openRegistered(
  options: RegisteredOptions,
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

/** Whether a listed provider's key is set, and all that its address is made of. */
export function isSetUp(provider: ProviderEntry, set: ModelSettings): boolean {
  if (set.has(provider.id) || set.hasAddress(provider.id)) return true
  if (ownProtocols.has(provider.id)) return set.apiKey(provider.id) !== undefined
  const endpoint = endpointOf(provider)
  if (endpoint.address === undefined) return false
  const missing = variablesOf(endpoint.address).some((name) => set.variable(name) === undefined)
  return !missing && keyOf(set, keyVariablesOf(provider.id, provider, endpoint)) !== undefined
}

/** The generic name comes first, since it can only be meant for this provider. */
function keyVariablesOf(name: string, provider: ProviderEntry, endpoint: Endpoint): string[] {
  const generic = [name, provider.id].map((name) => `${variableOf(name)}_API_KEY`)
  return [...new Set([...generic, ...endpoint.keyVariables])]
}

function keyOf(set: ModelSettings, variables: readonly string[]): string | undefined {
  return variables.map(set.variable).find((key) => key !== undefined)
}

function addressOf(
  { reference, name, set }: RegisteredOptions,
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
      `Model ${quote(reference)}: ${quote(provider.id)} speaks a protocol of its own, which Loom does not. Set ${variableOf(provider.id)}_BASE_URL to an OpenAI-compatible address of it.`,
    )
  }
  const missing = variablesOf(address).filter((name) => set.variable(name) === undefined)
  if (missing.length > 0) {
    const key = toldKeyVariables(name, provider, endpoint).join(' or ')
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
  { reference, name }: RegisteredOptions,
  provider: ProviderEntry,
  endpoint: Endpoint,
): LoomError {
  const variables = toldKeyVariables(name, provider, endpoint)
  return new LoomError(
    'missing-key',
    `Model ${quote(reference)} needs an API key: set ${variables.join(' or ')}.`,
  )
}

/** The names that the provider's own pages use, where it has some. */
const toldKeyVariables = (name: string, provider: ProviderEntry, endpoint: Endpoint) =>
  endpoint.keyVariables.length > 0
    ? endpoint.keyVariables
    : keyVariablesOf(name, provider, endpoint)
