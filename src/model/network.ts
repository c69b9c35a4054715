/**
 * The connection to providers: direct, or through the HTTP proxy of the environment, like curl:
 * `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, in lower or upper case (lower case wins).
 * All providers and the model list use the same connection.
 */
import { LoomError } from '../ground/error.ts'
import { type Connections, loadConnections, type Proxies } from './network/connections.ts'
import type { Transport } from './openai-compatible/transport.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Network {
  /** For Loom's own client of chat-completions APIs. Loads the network library at the first call. */
  transport: () => Promise<Transport>
  /** For the AI SDK's provider packages and for the model list. */
  fetch: typeof globalThis.fetch
}

/**
 * Returns the network of a set of models, which share its connections.
 * @throws LoomError `invalid-config` if the address of a proxy is not valid.
 */
export function providerNetwork(environment: Environment): Network {
  const proxies = proxiesIn(environment)
  let opening: Promise<Connections> | undefined
  const open = () => (opening ??= openConnections(proxies))
  // Read at each call, so that a later instrumentation of the global `fetch` still works.
  const direct: Network['fetch'] = (input, init) => globalThis.fetch(input, init)
  const proxied: Network['fetch'] = async (input, init) => (await open()).fetch(input, init)
  return {
    transport: async () => (await open()).transport,
    fetch: proxies === undefined ? direct : proxied,
  }
}

async function openConnections(proxies: Proxies | undefined): Promise<Connections> {
  return (await loadConnections()).openConnections(proxies)
}

/** The transport of a model without a network of its own. It opens with the first request. */
export function directTransport(): Transport {
  const { transport } = providerNetwork({})
  return async (request, receiver) => (await transport())(request, receiver)
}

/** @throws LoomError `invalid-config` */
export function networkFetch(environment: Environment): Network['fetch'] {
  return providerNetwork(environment).fetch
}

function proxiesIn(environment: Environment): Proxies | undefined {
  const forAll = proxyIn(environment, 'all_proxy')
  const http = proxyIn(environment, 'http_proxy') ?? forAll
  const https = proxyIn(environment, 'https_proxy') ?? http
  if (http === undefined && https === undefined) return undefined
  return { http, https, none: variable(environment, 'no_proxy') }
}

function proxyIn(environment: Environment, name: string): string | undefined {
  const value = variable(environment, name)
  if (value === undefined) return undefined
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`
  if (URL.canParse(address) && /^(https?|socks5?):/i.test(address)) return address
  // The error does not quote the address, which may hold a password.
  throw new LoomError(
    'invalid-config',
    `${name.toUpperCase()} is not the address of a proxy. Set it to an address that begins with http:// or https://, or unset it.`,
  )
}

function variable(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim() || environment[name.toUpperCase()]?.trim()
  return value === '' ? undefined : value
}
