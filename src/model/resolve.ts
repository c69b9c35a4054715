/**
 * Turns `provider/model-id` into a model. What the user configured comes first, then the providers
 * with a protocol of their own, then the embedded demo, then any OpenAI-compatible API whose address
 * is in the environment. The split is at the first `/`: model ids hold slashes and colons.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import { LoomError } from '../error.ts'
import type { Models } from '../model.ts'
import { adaptModel } from './adapt.ts'
import { demoModel } from './demo.ts'
import { nearestName } from './nearest.ts'
import { openAICompatible } from './openai-compatible.ts'
import { httpTransport } from './openai-compatible/http-transport.ts'
import type { Transport } from './openai-compatible/transport.ts'
import { openOwnProtocol, ownProtocols } from './own-protocol.ts'
import {
  type ModelsOptions,
  quote,
  readSettings,
  type Settings,
  variableOf,
} from './provider-settings.ts'
import { createRedact } from './redact.ts'

/** A model string may come from a callback, so that there is no end of different ones. */
const cachedModelsMax = 1000
const referenceLengthMax = 512

/** Models as the environment and the settings have them now; later changes are not seen. */
export function createModels(options: ModelsOptions): Models {
  const set = readSettings(options)
  const opened = new Map<string, Promise<LanguageModelV4>>()
  const adapted = new WeakMap<object, LanguageModelV4>()
  // One for all, so that models of one provider share its connections.
  const transport = httpTransport()

  function openOnce(reference: string): Promise<LanguageModelV4> {
    let opening = opened.get(reference)
    // A map keeps the order of insertion: what is put in again is the last to be dropped.
    opened.delete(reference)
    if (opening === undefined) {
      opening = openModel(reference, set, transport)
      opening.catch(() => opened.delete(reference))
    }
    opened.set(reference, opening)
    const [oldest] = opened.keys()
    if (opened.size > cachedModelsMax && oldest !== undefined) opened.delete(oldest)
    return opening
  }

  return {
    providers: set.resolvable(),
    redact: createRedact(set.secrets()),
    async resolve(reference) {
      if (typeof reference === 'string') return openOnce(reference)
      const known = adapted.get(reference)
      if (known !== undefined) return known
      const model = adaptModel(reference)
      adapted.set(reference, model)
      return model
    },
  }
}

async function openModel(
  reference: string,
  set: Settings,
  transport: Transport,
): Promise<LanguageModelV4> {
  const { provider, modelId } = parseReference(reference)
  const name = set.has(provider) ? provider : provider.toLowerCase()
  if (name === 'demo' && !set.has(name)) return demoModel(modelId)
  const baseUrl = set.baseUrl(name)
  const given = { baseUrl, apiKey: set.apiKey(name), headers: set.headers(name) }

  const protocol = ownProtocols.get(name)
  if (protocol !== undefined) {
    const model = await openOwnProtocol(protocol, modelId, given)
    if (model !== undefined) return model
    throw new LoomError(
      'missing-key',
      `Model ${quote(reference)} needs an API key: set ${protocol.keyVariables.join(' or ')}.`,
    )
  }
  if (baseUrl !== undefined) {
    const { apiKey, headers } = given
    return openAICompatible({
      provider: name,
      modelId,
      baseUrl,
      transport,
      ...(apiKey !== undefined && { apiKey }),
      ...(headers !== undefined && { headers: { ...headers } }),
    })
  }
  throw new LoomError('unknown-model', notSetUp(reference, name, set))
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

function notSetUp(reference: string, name: string, set: Settings): string {
  const variable = variableOf(name)
  const start = `Model ${quote(reference)}:`
  const address = `${variable}_BASE_URL to the address of an OpenAI-compatible API`
  if (set.apiKey(name) !== undefined) {
    return `${start} ${variable}_API_KEY is set, but its address is not; set ${address}.`
  }
  const nearest = nearestName(name, new Set([...set.resolvable(), ...ownProtocols.keys(), 'demo']))
  const guess = nearest === undefined ? '' : ` Did you mean "${nearest}"?`
  return `${start} unknown provider ${quote(name)}.${guess} To set it up, set ${address}, and ${variable}_API_KEY if it asks for a key.`
}
