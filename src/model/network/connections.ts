/**
 * The port to the connections of a runtime. The package.json of this folder, and in the package its
 * manifest, chooses its adapter:
 * undici under Node.js, and `fetch` on every other runtime (Workers, Bun, Deno, edge functions),
 * where undici does not load or is an imitation.
 */
import { explainImport } from '../../ground/explain-import.ts'
import type { Transport } from '../openai-compatible/transport.ts'

/** The addresses of the proxies for plain and for encrypted requests. */
export interface Proxies {
  http: string | undefined
  https: string | undefined
  /** The hosts that need no proxy, separated by commas. */
  none: string | undefined
}

export interface Connections {
  /** For Loom's own client of chat-completions APIs. */
  transport: Transport
  /** For the AI SDK's provider packages and for the model list. */
  fetch: typeof globalThis.fetch
}

/** @param proxies undefined for direct connections */
export type OpenConnections = (proxies: Proxies | undefined) => Connections

/**
 * Loads the adapter of this runtime.
 * @throws LoomError `invalid-config` in a bundle of ES modules that has no `require`
 */
export const loadConnections = (): Promise<{ openConnections: OpenConnections }> =>
  import('#connections').catch(explainImport)
