/** Connections of undici, under Node.js. */
import { EnvHttpProxyAgent, fetch as undiciFetch } from 'undici'

import { connectionOptions, httpTransport } from '../openai-compatible/http-transport.ts'
import type { Connections, OpenConnections, Proxies } from './connections.ts'

export const openConnections: OpenConnections = (proxies) => {
  if (proxies === undefined) {
    return { transport: httpTransport(), fetch: (input, init) => globalThis.fetch(input, init) }
  }
  const dispatcher = proxyAgent(proxies)
  return { transport: httpTransport({ dispatcher }), fetch: proxiedFetch(dispatcher) }
}

/** One agent for all requests, so that they share connections. */
function proxyAgent({ http, https, none }: Proxies): EnvHttpProxyAgent {
  return new EnvHttpProxyAgent({
    ...connectionOptions,
    // Set explicitly, also if empty: otherwise undici reads the environment of the process.
    httpProxy: http ?? '',
    httpsProxy: https ?? '',
    noProxy: none ?? '',
    // Plain HTTP is forwarded, as proxies expect: many allow CONNECT only to port 443.
    proxyTunnel: false,
  })
}

/** Uses undici's own `fetch`: Node's may be of another version, which does not accept this dispatcher. */
function proxiedFetch(dispatcher: EnvHttpProxyAgent): Connections['fetch'] {
  return async (input, init) => {
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
