/**
 * Converts `provider/model-id` to a model. The user's settings come first, then the providers with a
 * protocol of their own, then the embedded demo, then the registry, which has the address and the name
 * of the key. The split is at the first `/`: model ids may contain slashes and colons.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import { didYouMean, nearestNames } from '../ground/nearest.ts'
import type { ModelReference, Models } from '../model.ts'
import { doubtOf, factsOf } from './facts.ts'
import { providerNetwork } from './network.ts'
import type { Transport } from './openai-compatible/transport.ts'
import { openOwnProtocol, ownProtocols } from './own-protocol.ts'
import {
  type ModelsOptions,
  quote,
  readModelSettings,
  type ModelSettings,
  variableOf,
} from './provider-settings.ts'
import { createRedact } from './redact.ts'
import { Registry } from './registry.ts'
import { aliasOf, shortNames } from './registry/aliases.ts'
import type { ModelIndex } from './registry/search.ts'

/** A model string may come from a callback, so the number of different strings has no bound. */
const cachedModelsMax = 1000
const referenceLengthMax = 512

interface World {
  set: ModelSettings
  registry: Registry
  /** One transport for all models, so that models of one provider share its connections. */
  transport: () => Promise<Transport>
  fetch: typeof globalThis.fetch
  onKey: (key: string) => void
}

/**
 * Returns the models of the providers that the environment and the options set up. Later changes of the
 * environment have no effect.
 * @throws LoomError `invalid-config` if the environment names a proxy by something that is no address
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { createModels, defineAgent, run } from 'loomkit'
 *
 * const providers = { corp: { baseUrl: 'https://llm.example.com/v1', apiKey: 'key' } }
 * const models = createModels({ environment: env, providers })
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'corp/small' })
 * const { text } = await run(agent, 'What is 2 + 2?', { models })
 * ```
 */
export function createModels(options: ModelsOptions): Models {
  const network = providerNetwork(options.environment)
  const { registry = new Registry(), transport: ownTransport } = options
  const transport =
    ownTransport === undefined ? network.transport : () => Promise.resolve(ownTransport)
  const set = readModelSettings({ ...options, registry })
  const opened = new Map<string, Promise<LanguageModelV4>>()
  const adapted = new WeakMap<object, LanguageModelV4>()
  const secrets = new Set(set.secrets())
  let redact = createRedact(secrets)
  const onKey = (key: string) => {
    if (secrets.has(key)) return
    secrets.add(key)
    redact = createRedact(secrets)
  }
  const world = { set, registry, transport, fetch: network.fetch, onKey }
  let index: Promise<ModelIndex> | undefined
  const openIndex = async () => {
    const search = await import('./registry/search.ts')
    return new search.ModelIndex(registry, set)
  }

  function openOnce(reference: string): Promise<LanguageModelV4> {
    let opening = opened.get(reference)
    // A map keeps the order of insertion, so the entry that is inserted again is dropped last.
    opened.delete(reference)
    if (opening === undefined) {
      opening = openModel(reference, world)
      opening.catch(() => opened.delete(reference))
    }
    opened.set(reference, opening)
    const [oldest] = opened.keys()
    if (opened.size > cachedModelsMax && oldest !== undefined) opened.delete(oldest)
    return opening
  }

  /** Returns undefined for a model outside the registry. */
  function listed(reference: ModelReference): ListedReference | undefined {
    return typeof reference === 'string' ? listedReference(reference, set) : undefined
  }

  return {
    providers: set.resolvable(),
    redact: (text) => redact(text),
    facts: (reference) => factsOf(listed(reference), registry),
    doubt: (reference) => doubtOf(listed(reference), registry),
    search: async (search) => (await (index ??= openIndex())).search(search),
    async resolve(reference) {
      if (typeof reference === 'string') return openOnce(reference)
      const { adaptModel } = await import('./adapt.ts')
      const cached = adapted.get(reference)
      if (cached !== undefined) return cached
      const model = adaptModel(reference)
      adapted.set(reference, model)
      return model
    },
  }
}

async function openModel(reference: string, world: World): Promise<LanguageModelV4> {
  const { set, registry, transport, fetch, onKey } = world
  const { provider, modelId } = parseReference(reference)
  const name = settingName(provider, set)
  if (name === 'demo' && !set.has(name)) return (await import('./demo.ts')).demoModel(modelId)
  const baseUrl = set.baseUrl(name)
  const settings = { baseUrl, apiKey: set.apiKey(name), headers: set.headers(name), fetch }

  const protocol = ownProtocols.get(name)
  if (protocol !== undefined) {
    const model = await openOwnProtocol(protocol, modelId, settings)
    if (model !== undefined) return model
    throw new LoomError(
      'missing-key',
      `Model ${quote(reference)} needs an API key: set ${protocol.keyVariables.join(' or ')}.`,
    )
  }
  if (baseUrl !== undefined) {
    const { apiKey, headers } = settings
    const { openAICompatible } = await import('./openai-compatible.ts')
    return openAICompatible({
      provider: name,
      modelId,
      baseUrl,
      transport: await transport(),
      ...(apiKey !== undefined && { apiKey }),
      ...(headers !== undefined && { headers: { ...headers } }),
    })
  }
  const lowerCaseName = provider.toLowerCase()
  const registryOptions = {
    reference,
    name: lowerCaseName,
    modelId,
    set,
    registry,
    transport,
    fetch,
    onKey,
  }
  const { openRegistryModel } = await import('./registry-models.ts')
  const model = await openRegistryModel(registryOptions)
  if (model !== undefined) return model
  // The provider may be in a newer list.
  await registry.settled()
  const newer = await openRegistryModel(registryOptions)
  if (newer !== undefined) return newer
  throw new LoomError('unknown-model', await notSetUp(reference, lowerCaseName, world))
}

function parseReference(reference: string): { provider: string; modelId: string } {
  const slash = reference.indexOf('/')
  const provider = reference.slice(0, Math.max(slash, 0)).trim()
  const modelId = reference.slice(slash + 1).trim()
  if (provider === '' || modelId === '' || reference.length > referenceLengthMax) {
    throw new LoomError(
      'unknown-model',
      `Model ${quote(reference)} is not of the form "provider/model-id", such as "demo/assistant".`,
    )
  }
  return { provider, modelId }
}

/** The name under which a provider is configured: the user's spelling, or the id of a short name. */
function settingName(provider: string, set: ModelSettings): string {
  const lowerCaseName = provider.toLowerCase()
  const isSet = (name: string) => set.has(name) || set.hasAddress(name)
  return [provider, lowerCaseName].find(isSet) ?? aliasOf(lowerCaseName)
}

export interface ListedReference {
  /** An id or a short name. */
  provider: string
  modelId: string
  /** Whether the user set its address: then the list does not name its models. */
  isElsewhere: boolean
}

function listedReference(reference: string, set: ModelSettings): ListedReference | undefined {
  try {
    const { provider, modelId } = parseReference(reference)
    const name = settingName(provider, set)
    const isElsewhere = set.has(name) || set.hasAddress(name)
    if (name === 'demo' && !isElsewhere) return undefined
    return { provider: name, modelId, isElsewhere }
  } catch {
    return undefined
  }
}

async function notSetUp(
  reference: string,
  name: string,
  { set, registry }: World,
): Promise<string> {
  const variable = variableOf(name)
  const start = `Model ${quote(reference)}:`
  const address = `${variable}_BASE_URL to the address of an OpenAI-compatible API`
  if (set.apiKey(name) !== undefined) {
    return `${start} ${variable}_API_KEY is set, but its address is not; set ${address}.`
  }
  const listed = (await registry.providers()).map(({ id }) => id)
  const known = new Set([
    ...set.resolvable(),
    ...ownProtocols.keys(),
    'demo',
    ...shortNames,
    ...listed,
  ])
  const guess = didYouMean(nearestNames(name, known))
  return `${start} unknown provider ${quote(name)}.${guess} To set it up, set ${address}, and ${variable}_API_KEY if it asks for a key.`
}
