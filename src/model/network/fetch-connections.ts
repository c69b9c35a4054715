/**
 * Connections through the `fetch` of the runtime. It ignores the proxies: Bun and Deno read the same
 * variables themselves, and other runtimes have no proxy.
 */
import { fetchTransport } from '../openai-compatible/fetch-transport.ts'
import type { OpenConnections } from './connections.ts'

export const openConnections: OpenConnections = () => {
  // Read at each call, so that a later instrumentation of the global `fetch` still works.
  const fetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init)
  return { transport: fetchTransport(fetch), fetch }
}
