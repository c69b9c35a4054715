/**
 * The providers with a protocol of their own, through the AI SDK's packages. An address in the settings
 * changes their location but not their protocol. Every setting is passed explicitly, because the
 * packages would otherwise read the environment of the process themselves.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import type { PackageName } from './provider-package.ts'

export interface OwnProtocol {
  packageName: PackageName
  /** The variables that may hold the key, the preferred one first. */
  keyVariables: readonly [string, ...string[]]
  /** The provider's own address, version included. */
  baseUrl: string
  /** Converts the user's address to the one that the package requires. */
  completeUrl: (baseUrl: string) => string
}

export const ownProtocols: ReadonlyMap<string, OwnProtocol> = new Map<string, OwnProtocol>([
  [
    'anthropic',
    {
      packageName: 'anthropic',
      keyVariables: ['ANTHROPIC_API_KEY'],
      baseUrl: 'https://api.anthropic.com/v1',
      // Anthropic's own SDKs take the address without `/v1`, the AI SDK's package with it.
      completeUrl: (baseUrl) => (endsInVersion(baseUrl) ? baseUrl : `${baseUrl}/v1`),
    },
  ],
  [
    'openai',
    {
      packageName: 'openai',
      keyVariables: ['OPENAI_API_KEY'],
      baseUrl: 'https://api.openai.com/v1',
      // OpenAI's own SDKs take the whole path, so only a bare host cannot be an address for them.
      completeUrl: (baseUrl) => (new URL(baseUrl).pathname === '/' ? `${baseUrl}/v1` : baseUrl),
    },
  ],
  [
    'google',
    {
      packageName: 'google',
      keyVariables: ['GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY', 'GEMINI_API_KEY'],
      baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
      completeUrl: (baseUrl) => (endsInVersion(baseUrl) ? baseUrl : `${baseUrl}/v1beta`),
    },
  ],
])

/** Sent to a proxy without a key: the packages require a key. */
const placeholderKey = 'none'

/**
 * Returns the model, or `undefined` if its key is missing. A key may be missing only if the user set
 * the address: many proxies hold the key themselves.
 */
export async function openOwnProtocol(
  protocol: OwnProtocol,
  modelId: string,
  options: {
    baseUrl: string | undefined
    apiKey: string | undefined
    headers: Readonly<Record<string, string>> | undefined
    fetch: typeof globalThis.fetch
  },
): Promise<LanguageModelV4 | undefined> {
  const baseURL =
    options.baseUrl === undefined ? protocol.baseUrl : protocol.completeUrl(rootOf(options.baseUrl))
  const isTheirs = new URL(baseURL).host === new URL(protocol.baseUrl).host
  if (options.apiKey === undefined && isTheirs) return undefined
  return openPackage(protocol, modelId, { ...options, baseURL })
}

/** Opens a model at a complete address, also of another provider with the same protocol. */
export async function openPackage(
  protocol: OwnProtocol,
  modelId: string,
  options: {
    baseURL: string
    apiKey: string | undefined
    headers?: Readonly<Record<string, string>> | undefined
    fetch: typeof globalThis.fetch
    completions?: boolean
  },
): Promise<LanguageModelV4> {
  const { baseURL, apiKey = placeholderKey, headers, fetch, completions = false } = options
  const settings = { baseURL, apiKey, headers: { ...headers }, fetch, completions }
  const { openPackageModel } = await import('./provider-package.ts')
  return openPackageModel(protocol.packageName, settings, modelId)
}

/** Removes the final slashes and the query, because the packages append their paths. */
function rootOf(address: string): string {
  const { origin, pathname } = new URL(address)
  return origin + pathname.replace(/\/+$/, '')
}

const endsInVersion = (baseUrl: string) => /\/v\d+(alpha|beta)?\d*$/.test(baseUrl)
