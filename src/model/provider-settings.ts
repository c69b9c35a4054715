/**
 * The settings of each provider: the user's settings override the environment, field by field.
 * An unrelated `SOMETHING_BASE_URL` is no error until a model string names `something`.
 */
import { shorten } from '../ground/cut-text.ts'
import { LoomError } from '../ground/error.ts'
import type { Transport } from './openai-compatible/transport.ts'
import { ownProtocols } from './own-protocol.ts'
import type { Registry } from './registry.ts'
import { isKeyVariable } from './registry/endpoint.ts'

/**
 * The address of a provider. A provider with its own protocol (`ownProtocols`) keeps it. All others have
 * an OpenAI-compatible API.
 */
export interface ProviderSettings {
  /** The address of the API, which begins with `http://` or `https://`. */
  baseUrl: string
  /** The API key. @defaultValue `<PROVIDER>_API_KEY` of the environment */
  apiKey?: string
  /** Headers of every request. @defaultValue none */
  headers?: Readonly<Record<string, string>>
}

/** The options of `createModels`. */
export interface ModelsOptions {
  /** The variables `<PROVIDER>_API_KEY` and `<PROVIDER>_BASE_URL`, and those of proxies. */
  environment: Readonly<Record<string, string | undefined>>
  /** The settings of providers by name. They override the environment. @defaultValue none */
  providers?: Readonly<Record<string, ProviderSettings>>
  /** The known providers and models. @defaultValue the list that is part of Loom */
  registry?: Registry
  /** The HTTP client of OpenAI-compatible APIs. @defaultValue one that they all share */
  transport?: Transport
}

export type ModelSettings = ReturnType<typeof readModelSettings>

export function readModelSettings({ environment, providers = {}, registry }: ModelsOptions) {
  const variable = (name: string) =>
    (Object.hasOwn(environment, name) && environment[name]?.trim()) || undefined
  const configured = (name: string) =>
    Object.hasOwn(providers, name) ? providers[name] : undefined

  const addressSet = (name: string) =>
    configured(name)?.baseUrl ?? variable(`${variableOf(name)}_BASE_URL`)

  function apiKey(name: string): string | undefined {
    const variables = ownProtocols.get(name)?.keyVariables ?? [`${variableOf(name)}_API_KEY`]
    return (
      configured(name)?.apiKey?.trim() || variables.map(variable).find((key) => key !== undefined)
    )
  }

  return {
    apiKey,
    /** The value of a variable of the environment, if it is set. */
    variable,
    has: (name: string) => configured(name) !== undefined,
    headers: (name: string) => configured(name)?.headers,

    /** Whether the user set its address. */
    hasAddress: (name: string) => addressSet(name) !== undefined,

    baseUrl(name: string): string | undefined {
      const address = addressSet(name)
      if (address === undefined) return undefined
      const source =
        configured(name) === undefined
          ? `${variableOf(name)}_BASE_URL`
          : `The baseUrl of provider ${quote(name)}`
      return checkAddress(address, source)
    },

    /** The ids of providers that a model string can name. */
    resolvable(): string[] {
      const ids = new Set(['demo', ...Object.keys(providers)])
      for (const name of ownProtocols.keys()) {
        if (apiKey(name) !== undefined || isAddress(addressSet(name))) ids.add(name)
      }
      for (const name of Object.keys(environment)) {
        const [, id] = /^([A-Z0-9][A-Z0-9_]*)_BASE_URL$/.exec(name) ?? []
        if (id === undefined || !isAddress(variable(name))) continue
        ids.add(id.toLowerCase().replaceAll('_', '-'))
      }
      return [...ids]
    },

    secrets(): string[] {
      const own = [...(registry?.overrides.providers.values() ?? [])].flatMap(({ env = [] }) => env)
      const keys = [...Object.keys(environment).filter(holdsSecret), ...own.filter(isKeyVariable)]
      const configuredKeys = Object.values(providers).flatMap(({ apiKey, headers = {} }) => [
        apiKey,
        ...Object.entries(headers).map(([name, value]) =>
          // The word after `Bearer`, if there is one.
          /auth|key|token|secret/i.test(name) ? value.trim().split(/\s+/).at(-1) : undefined,
        ),
      ])
      return [...keys.map(variable), ...configuredKeys].filter((key) => key !== undefined)
    },
  }
}

/** Decided by the name alone: the registry is not read before a model needs it. */
const holdsSecret = (name: string) =>
  isKeyVariable(name) || /(?:_TOKEN_[A-Z]+|_PASSWORD)$/.test(name)

/** Errors do not quote the address, because it may be a misplaced key. */
export function checkAddress(address: string, source: string): string {
  const trimmed = address.trim()
  if (!isAddress(trimmed)) {
    throw new LoomError(
      'invalid-config',
      `${source} must be an address that begins with http:// or https://.`,
    )
  }
  const { username, password } = new URL(trimmed)
  if (username !== '' || password !== '') {
    throw new LoomError('invalid-config', `${source} must not hold a user name or password.`)
  }
  return trimmed
}

const isAddress = (address: string | undefined) =>
  address !== undefined && /^https?:\/\//i.test(address) && URL.canParse(address)

/** The user's text in an error: one line, shortened if it is long. */
export const quote = (text: string) => JSON.stringify(shorten(text, 80))

/** The prefix of a provider's variables: `fireworks-ai` becomes `FIREWORKS_AI`. */
export const variableOf = (provider: string) => provider.toUpperCase().replace(/[^A-Z0-9]/g, '_')
