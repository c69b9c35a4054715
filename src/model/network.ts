/**
 * The connection to providers: direct, or through the HTTP proxy of the environment, like curl:
 * `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, in lower or upper case (lower case wins).
 * All providers and the model list use the same connection.
 */
import type { EnvHttpProxyAgent } from 'undici'

import { LoomError } from '../ground/error.ts'
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
  const openProxy = proxyDispatcher(environment)
  // Read at each call, so that a later instrumentation of the global `fetch` still works.
  const direct: Network['fetch'] = (input, init) => globalThis.fetch(input, init)
  let opening: Promise<Transport> | undefined
  const open = async () => {
    const { httpTransport } = await import('./openai-compatible/http-transport.ts')
    return httpTransport(openProxy === undefined ? {} : { dispatcher: await openProxy() })
  }
  const transport = () => (opening ??= open())
  return { transport, fetch: openProxy === undefined ? direct : proxiedFetch(openProxy) }
}

/** Uses undici's own `fetch`: Node's may be of another version, which does not accept this dispatcher. */
function proxiedFetch(openProxy: () => Promise<EnvHttpProxyAgent>): Network['fetch'] {
  return async (input, init) => {
    const { fetch: undiciFetch } = await import('undici')
    const dispatcher = await openProxy()
    // Only a large body comes as a `Blob`, which is sent in pieces.
    const blob = init?.body instanceof Blob ? init.body : undefined
    const request = new Request(input, blob === undefined ? init : { ...init, body: null })
    const { method, headers, body, signal } = request
    const response = await undiciFetch(input instanceof Request ? input.url : input, {
      method,
      headers: [...headers],
      // Any other body is one JSON text.
      body: blob ?? (body === null ? null : await new Response(body).text()),
      // The signal of the call itself. The request has another one.
      signal: init?.signal ?? signal,
      dispatcher,
    })
    const { status, statusText } = response
    const isEmpty = status === 204 || status === 304
    return new Response(isEmpty ? null : response.body, {
      status,
      statusText,
      headers: [...response.headers],
    })
  }
}

/** @throws LoomError `invalid-config` */
export function networkFetch(environment: Environment): Network['fetch'] {
  return providerNetwork(environment).fetch
}

/** One agent for all requests, so that they share connections. It opens at the first call. */
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
      // Set explicitly, also if empty: otherwise undici reads the environment of the process.
      httpProxy: httpProxy ?? '',
      httpsProxy: httpsProxy ?? '',
      noProxy: variable(environment, 'no_proxy') ?? '',
      // Plain HTTP is forwarded, as proxies expect: many allow CONNECT only to port 443.
      proxyTunnel: false,
    })
  }
  let opening: Promise<EnvHttpProxyAgent> | undefined
  return () => (opening ??= open())
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
