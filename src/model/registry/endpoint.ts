/**
 * The address and protocol of a listed model, and the variables with its key. A model may differ from
 * its provider in all of them: gateways use each vendor's own protocol for its models.
 */
import type { ModelEntry, ProviderEntry } from './entry.ts'

export interface Endpoint {
  protocol: 'openai-compatible' | 'anthropic' | 'openai' | 'google'
  /** May hold `${VARIABLES}`. Undefined if Loom does not support its protocol. */
  address: string | undefined
  /** For the protocol `openai`: the older chat completions instead of responses. */
  completions: boolean
  /** The variables that may hold its key. */
  keyVariables: readonly string[]
}

/**
 * Providers that are listed with a package of their own and without an address, but also support
 * OpenAI's chat completions. Azure accepts the key as a bearer token on its `v1` path.
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

/** Whether a variable holds a key. Others hold an account, a host or a region. */
export const isKeyVariable = (name: string) => /(?:KEY|_TOKEN|_PAT|_SECRET)$/.test(name)

/** The variables in an address. */
export const variablesOf = (address: string): string[] =>
  [...address.matchAll(placeholders)].map(([, name = '']) => name)

/** Fills in the variables of an address. A value may be a host with its scheme or a final slash. */
export function fillAddress(address: string, valueOf: (name: string) => string | undefined) {
  return address.replaceAll(placeholders, (_match, name: string, at: number) => {
    const value = (valueOf(name) ?? '').replace(/\/+$/, '')
    return at === 0 ? value : value.replace(/^https?:\/\//i, '')
  })
}

const placeholders = /\$\{([A-Z][A-Z0-9_]*)\}/g

/** Whether a server is on this machine. Such a server needs no key. */
export const isLocal = (address: string) =>
  /^https?:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/]|$)/i.test(address)
