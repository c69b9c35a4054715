/**
 * Where a listed model is spoken to, in which protocol, and which variables hold its key. A model may
 * differ from its provider in all of it: gateways speak to each vendor's models in its own protocol.
 */
import type { ModelEntry, ProviderEntry } from './entry.ts'

export interface Endpoint {
  protocol: 'openai-compatible' | 'anthropic' | 'openai' | 'google'
  /** May hold `${VARIABLES}`. Undefined where Loom does not speak what it speaks. */
  address: string | undefined
  /** Of the protocol `openai`: the older chat completions in place of responses. */
  completions: boolean
  /** Variables that may hold its key. */
  keyVariables: readonly string[]
}

/**
 * Providers that are listed with a package of their own and no address, though they speak OpenAI's
 * chat completions too. Azure takes the key as a bearer token on its `v1` path.
 */
const addresses: ReadonlyMap<string, string> = new Map([
  ['aihubmix', 'https://aihubmix.com/v1'],
  ['azure', 'https://${AZURE_RESOURCE_NAME}.openai.azure.com/openai/v1'],
  ['cerebras', 'https://api.cerebras.ai/v1'],
  ['cohere', 'https://api.cohere.ai/compatibility/v1'],
  ['deepinfra', 'https://api.deepinfra.com/v1/openai'],
  ['groq', 'https://api.groq.com/openai/v1'],
  ['mistral', 'https://api.mistral.ai/v1'],
  ['perplexity', 'https://api.perplexity.ai'],
  ['togetherai', 'https://api.together.xyz/v1'],
  ['v0', 'https://api.v0.dev/v1'],
  ['venice', 'https://api.venice.ai/api/v1'],
  ['vercel', 'https://ai-gateway.vercel.sh/v1'],
  ['xai', 'https://api.x.ai/v1'],
])

export function endpointOf(provider: ProviderEntry, model?: ModelEntry): Endpoint {
  const own = model?.npm !== undefined || model?.api !== undefined ? model : undefined
  const npm = own?.npm ?? provider.npm
  const address = own?.api ?? provider.api
  const protocol = protocolOf(npm, model?.shape)
  return {
    protocol,
    address: address ?? (protocol === 'openai-compatible' ? addresses.get(provider.id) : undefined),
    completions: model?.shape === 'completions',
    keyVariables: provider.env.filter(isKeyVariable),
  }
}

function protocolOf(npm: string | undefined, shape: string | undefined): Endpoint['protocol'] {
  switch (npm) {
    case '@ai-sdk/anthropic':
      return 'anthropic'
    case '@ai-sdk/google':
      return 'google'
    case '@ai-sdk/openai':
      return 'openai'
    default:
      return shape === 'responses' ? 'openai' : 'openai-compatible'
  }
}

/** Others say an account, a host, a region. */
export const isKeyVariable = (name: string) => /(?:KEY|_TOKEN|_PAT|_SECRET)$/.test(name)

/** The variables that an address is made of. */
export const variablesOf = (address: string): string[] =>
  [...address.matchAll(placeholders)].map(([, name = '']) => name)

/** An address with its variables filled in; people write a host with its scheme, or with a slash. */
export function fillAddress(address: string, valueOf: (name: string) => string | undefined) {
  return address.replaceAll(placeholders, (_match, name: string, at: number) => {
    const value = (valueOf(name) ?? '').replace(/\/+$/, '')
    return at === 0 ? value : value.replace(/^https?:\/\//i, '')
  })
}

const placeholders = /\$\{([A-Z][A-Z0-9_]*)\}/g

/** A server on this machine asks for no key. */
export const isLocal = (address: string) =>
  /^https?:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/]|$)/i.test(address)
