/**
 * The way to the providers: straight, or through the HTTP proxy that the environment names, as in curl:
 * `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, in either case of letters (small letters win).
 * Every provider and the list of models take the same way.
 */
import type { EnvHttpProxyAgent } from 'undici'

import { LoomError } from '../ground/error.ts'
import type { Transport } from './openai-compatible/transport.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Network {
  /** For Loom's own client of chat-completions APIs. Loads the network library at the first call. */
  transport: () => Promise<Transport>
  /** For the AI SDK's provider packages, and for the list of models. */
  fetch: typeof globalThis.fetch
}

/**
 * One for each set of models: its connections are shared by all of them.
 * @throws LoomError `invalid-config` where a proxy's address cannot be read.
 */
export function providerNetwork(environment: Environment): Network {
  const proxied = proxyDispatcher(environment)
  // Looked up at each call, so that instrumentation of the global `fetch` that is added later still works.
  const direct: Network['fetch'] = (input, init) => globalThis.fetch(input, init)
  let opening: Promise<Transport> | undefined
  const open = async () => {
    const { httpTransport } = await import('./openai-compatible/http-transport.ts')
    return httpTransport(proxied === undefined ? {} : { dispatcher: await proxied() })
  }
  const transport = () => (opening ??= open())
  return { transport, fetch: proxied === undefined ? direct : proxiedFetch(proxied) }
}

/** Node's own `fetch` may be of another version of undici, and then takes no dispatcher of ours. */
function proxiedFetch(proxied: () => Promise<EnvHttpProxyAgent>): Network['fetch'] {
  return async (input, init) => {
    const { fetch: undiciFetch } = await import('undici')
    const dispatcher = await proxied()
    // Only a large body comes as a `Blob`, which is sent in pieces.
    const blob = init?.body instanceof Blob ? init.body : undefined
    const request = new Request(input, blob === undefined ? init : { ...init, body: null })
    const { method, headers, body, signal } = request
    const sent = await undiciFetch(input instanceof Request ? input.url : input, {
      method,
      headers: [...headers],
      // Any other body is one JSON text.
      body: blob ?? (body === null ? null : await new Response(body).text()),
      // The signal of the call itself: the request's is another one.
      signal: init?.signal ?? signal,
      dispatcher,
    })
    const { status, statusText } = sent
    const isEmpty = status === 204 || status === 304
    return new Response(isEmpty ? null : sent.body, {
      status,
      statusText,
      headers: [...sent.headers],
    })
  }
}

/** @throws LoomError `invalid-config` */
export function networkFetch(environment: Environment): Network['fetch'] {
  return providerNetwork(environment).fetch
}

/** One agent for all, so that they share its connections. It opens at the first call. */
function proxyDispatcher(environment: Environment): (() => Promise<EnvHttpProxyAgent>) | undefined {
  const forAll = proxyIn(environment, 'all_proxy')
  const httpProxy = proxyIn(environment, 'http_proxy') ?? forAll
  const httpsProxy = proxyIn(environment, 'https_proxy') ?? httpProxy
  if (httpProxy === undefined && httpsProxy === undefined) return undefined
  const open = async () => {
    const { EnvHttpProxyAgent } = await import('undici')
    const { connectionOptions } = await import('./openai-compatible/http-transport.ts')
    return new EnvHttpProxyAgent({
      ...connectionOptions,
      // Given explicitly, empty ones included: otherwise undici would read the process's environment.
      httpProxy: httpProxy ?? '',
      httpsProxy: httpsProxy ?? '',
      noProxy: variable(environment, 'no_proxy') ?? '',
      // Plain HTTP is forwarded, as proxies expect: many allow CONNECT to port 443 only.
      proxyTunnel: false,
    })
  }
  let opening: Promise<EnvHttpProxyAgent> | undefined
  return () => (opening ??= open())
}

function proxyIn(environment: Environment, name: string): string | undefined {
  const given = variable(environment, name)
  if (given === undefined) return undefined
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `http://${given}`
  if (URL.canParse(address) && /^(https?|socks5?):/i.test(address)) return address
  // The address is not quoted: it may hold a password.
  throw new LoomError(
    'invalid-config',
    `${name.toUpperCase()} is not the address of a proxy. Set it to an address that begins with http:// or https://, or unset it.`,
  )
}

function variable(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim() || environment[name.toUpperCase()]?.trim()
  return value === '' ? undefined : value
}
