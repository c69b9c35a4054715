/**
 * The known providers and models: the list that is part of Loom, a newer one from models.dev if that is
 * allowed, and the user's overrides. Nothing is read before the first question. No question waits for
 * the network: a newer list is fetched in the background and used from then on.
 */
import { aliasOf } from './registry/aliases.ts'
import type { Cached } from './registry/cache-file.ts'
import type { Catalog } from './registry/catalog.ts'
import type { ModelEntry, ProviderEntry } from './registry/entry.ts'
import { noOverrides, type Overrides } from './registry/overrides.ts'

/**
 * The options of `Registry`.
 * @example
 * ```ts
 * import type { RegistryOptions } from 'loomkit'
 *
 * const url = 'https://models.dev/api.json'
 * const options: RegistryOptions = { url, cacheFile: '/var/cache/loom/models.json', timeoutMs: 5000 }
 * ```
 */
export interface RegistryOptions {
  /** The address of a newer list in the format of models.dev. @defaultValue none: nothing is fetched */
  url?: string | undefined
  /** The path of the file that keeps a fetched list. @defaultValue none: it is kept in memory */
  cacheFile?: string | undefined
  /** The user's own entries, which override the list field by field. @defaultValue none */
  overrides?: Overrides | undefined
  /** Aborts a fetch. @defaultValue none */
  signal?: AbortSignal | undefined
  /** Receives the outcome of each fetch. A failed fetch keeps the present list. @defaultValue none */
  onRefresh?: ((outcome: RefreshOutcome) => void) | undefined
  /** The time limit of a fetch in milliseconds. @defaultValue 10000 */
  timeoutMs?: number | undefined
  /** Fetches the list. @defaultValue the global `fetch`, which uses no proxy */
  fetch?: typeof globalThis.fetch | undefined
  /** The clock, in milliseconds since 1970. @defaultValue Date.now */
  now?: (() => number) | undefined
}

/**
 * The outcome of a fetch of the list. `new`: the list changed. `same`: it did not change. `failed`:
 * the present list stays.
 */
export type RefreshOutcome =
  | {
      /** Whether the fetched list differs from the present one. */
      result: 'new' | 'same'
    }
  | {
      result: 'failed'
      /** The reason of the failure. */
      error: unknown
    }

/** The time after which a list is fetched again. */
const freshMs = 24 * 60 * 60 * 1000
/** The time after a failed fetch in which no other fetch starts. */
const failedMs = 60 * 60 * 1000

/**
 * The known providers and models: the list of models.dev that is part of Loom, or a newer one, with the
 * user's overrides. It reads nothing before the first question. With `url`, a newer list is fetched in the
 * background 24 hours after the last one, or 1 hour after a failed fetch. No question waits for the network.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { createModels, Registry } from 'loomkit'
 *
 * const registry = new Registry({ url: 'https://models.dev/api.json' })
 * const models = createModels({ environment: env, registry })
 * ```
 */
export class Registry {
  readonly #options: RegistryOptions
  readonly #now: () => number
  /** The user's own entries, which override the list field by field. */
  readonly overrides: Overrides
  #catalog: Promise<Catalog> | undefined
  /** The time from which the list is fetched again. */
  #staleAt = 0
  #refreshing: Promise<void> | undefined

  constructor(options: RegistryOptions = {}) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.overrides = options.overrides ?? noOverrides
  }

  /** Returns the provider with this id or short name. Returns undefined if it is unknown. */
  async provider(name: string): Promise<ProviderEntry | undefined> {
    return this.#providerOf(await this.catalog(), this.#idOf(name))
  }

  /** Returns all known providers. */
  async providers(): Promise<ProviderEntry[]> {
    const catalog = await this.catalog()
    const ids = new Set([...catalog.providers.keys(), ...this.overrides.providers.keys()])
    return [...ids].flatMap((id) => this.#providerOf(catalog, id) ?? [])
  }

  /**
   * Returns a model of a provider. Returns undefined if it is unknown.
   * @param provider the id of the provider, not a short name
   */
  async model(provider: string, id: string): Promise<ModelEntry | undefined> {
    const catalog = await this.catalog()
    return this.#laidOver(provider, id, catalog.model(provider, id))
  }

  /** Returns all known models of a provider. */
  async models(provider: string): Promise<ModelEntry[]> {
    const catalog = await this.catalog()
    const listed = [...catalog.models(provider)]
    const known = new Set(listed.map(({ id }) => id))
    const own = [...(this.overrides.models.get(provider)?.values() ?? [])]
    return [
      ...listed.map((model) => this.#laidOver(provider, model.id, model) ?? model),
      ...own.filter(({ id }) => !known.has(id)),
    ]
  }

  /**
   * Returns a model of a provider or short name from the present list. It starts no fetch, because a
   * provider at the user's own address must cause no requests to other servers.
   */
  async standing(name: string, id: string): Promise<ModelEntry | undefined> {
    const catalog = await this.#standing()
    const provider = this.#idOf(name)
    return this.#laidOver(provider, id, catalog.model(provider, id))
  }

  /**
   * Waits for a newer list if one is being fetched, for a caller that would otherwise report an unknown
   * name.
   */
  async settled(): Promise<void> {
    await this.#refreshing
  }

  /** Returns the present list without the user's overrides: the same object until there is a newer list. */
  async catalog(): Promise<Catalog> {
    const catalog = await this.#standing()
    const { url } = this.#options
    if (url !== undefined && this.#refreshing === undefined && this.#now() >= this.#staleAt) {
      this.#refreshing = this.#refresh(url, catalog).finally(() => (this.#refreshing = undefined))
    }
    return catalog
  }

  #standing(): Promise<Catalog> {
    return (this.#catalog ??= this.#read())
  }

  #idOf(name: string): string {
    // A newer list must not give a short name to another provider, because the user set the key for
    // the present one.
    return this.overrides.providers.has(name) ? name : aliasOf(name)
  }

  #providerOf(catalog: Catalog, id: string): ProviderEntry | undefined {
    const listed = catalog.providers.get(id)
    const own = this.overrides.providers.get(id)
    if (listed === undefined && own === undefined) return undefined
    return { id, name: id, env: [], ...listed, ...own }
  }

  #laidOver(provider: string, id: string, listed: ModelEntry | undefined): ModelEntry | undefined {
    const own = this.overrides.models.get(provider)?.get(id)
    return own === undefined ? listed : { ...listed, ...own }
  }

  /** Returns the cached list if it is newer than the one that is part of Loom. */
  async #read(): Promise<Catalog> {
    const { shippedCatalog } = await import('./registry/shipped.ts')
    const [shipped, cached] = await Promise.all([shippedCatalog(), this.#cached()])
    if (cached === undefined || cached.catalog.origin.takenAt <= shipped.origin.takenAt) {
      return shipped
    }
    // If the clock was set back, the list still becomes stale.
    this.#staleAt = Math.min(cached.checkedAt, this.#now()) + freshMs
    return cached.catalog
  }

  async #cached(): Promise<Cached | undefined> {
    const { url, cacheFile } = this.#options
    if (url === undefined || cacheFile === undefined) return undefined
    const { readCacheFile } = await import('./registry/cache-file.ts')
    const cached = await readCacheFile(cacheFile)
    // A list from another address does not count.
    return cached?.catalog.origin.source === url ? cached : undefined
  }

  /** Never rejects: no caller waits for it. */
  async #refresh(url: string, current: Catalog): Promise<void> {
    const { cacheFile, signal, timeoutMs, fetch, onRefresh } = this.#options
    let outcome: RefreshOutcome
    try {
      const { fetchCatalog } = await import('./registry/refresh.ts')
      const { shippedCatalog } = await import('./registry/shipped.ts')
      const { touchCacheFile, writeCacheFile } = await import('./registry/cache-file.ts')
      const shipped = await shippedCatalog()
      const next = await fetchCatalog({ url, current, shipped, signal, timeoutMs, fetch })
      const now = this.#now()
      this.#staleAt = now + freshMs
      if (next !== undefined) this.#catalog = Promise.resolve(next)
      if (cacheFile !== undefined && next !== undefined) await writeCacheFile(cacheFile, next.text)
      if (cacheFile !== undefined && next === undefined) await touchCacheFile(cacheFile, now)
      outcome = { result: next === undefined ? 'same' : 'new' }
    } catch (error) {
      this.#staleAt = this.#now() + failedMs
      outcome = { result: 'failed', error }
    }
    onRefresh?.(outcome)
  }
}
