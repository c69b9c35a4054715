/**
 * Finds models by words. The index (only ids and names) is built at the first search, in pieces, and
 * again after the list has changed.
 */
import { setImmediate } from 'node:timers/promises'

import type { ListedModel, ModelList, ModelSearch } from '../../model.ts'
import type { ModelSettings } from '../provider-settings.ts'
import { isSetUp } from '../registry-models.ts'
import type { Registry } from '../registry.ts'
import type { Catalog } from './catalog.ts'
import type { ModelEntry, ProviderEntry } from './entry.ts'

interface Row {
  provider: ProviderEntry
  modelId: string
  /** `provider/model-id`. */
  id: string
  /** The text that is searched for the words. */
  text: string
  configured: boolean
  deprecated: boolean
  releaseDate: string
}

const demo: ListedModel = { id: 'demo/assistant', name: 'Demo', configured: true, tools: true }

export class ModelIndex {
  readonly #registry: Registry
  readonly #settings: ModelSettings
  #rows: Promise<Row[]> | undefined
  #rowsOf: Catalog | undefined

  constructor(registry: Registry, settings: ModelSettings) {
    this.#registry = registry
    this.#settings = settings
  }

  async search(search: ModelSearch = {}): Promise<ModelList> {
    const { query = '', configured = false, limit = 100 } = search
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '')
    const holdsAll = (text: string) => words.every((word) => text.includes(word))
    const all = await this.#all()
    const rows = all.filter((row) => (row.configured || !configured) && holdsAll(row.text))
    rows.sort((a, b) => rank(a, b, words))
    const own = holdsAll(`${demo.id} ${demo.name}`.toLowerCase()) ? [demo] : []
    const page = rows.slice(0, Math.max(0, limit - own.length))
    const models = await Promise.all(page.map((row) => this.#listing(row)))
    const usable = all.filter((row) => row.configured)
    return {
      models: [...own, ...models].slice(0, limit),
      total: rows.length + own.length,
      providers: [...new Set(usable.map(({ provider }) => provider.id))],
    }
  }

  async #all(): Promise<Row[]> {
    const catalog = await this.#registry.catalog()
    if (this.#rows === undefined || this.#rowsOf !== catalog) {
      this.#rowsOf = catalog
      this.#rows = this.#build()
      // A list that was not readable is read again by the next search.
      this.#rows.catch(() => (this.#rows = undefined))
    }
    return this.#rows
  }

  async #build(): Promise<Row[]> {
    const rows: Row[] = []
    for (const provider of await this.#registry.providers()) {
      const configured = isSetUp(provider, this.#settings)
      for (const model of await this.#registry.models(provider.id)) {
        rows.push(rowOf(provider, model, configured))
      }
      await setImmediate()
    }
    return rows
  }

  async #listing({ provider, modelId, id, configured }: Row): Promise<ListedModel> {
    const model = await this.#registry.model(provider.id, modelId)
    const {
      npm: _npm,
      api: _api,
      shape: _shape,
      temperature: _temperature,
      ...shown
    } = model ?? { id: modelId, name: modelId }
    return { ...shown, id, name: shown.name ?? modelId, configured }
  }
}

function rowOf(provider: ProviderEntry, model: ModelEntry, configured: boolean): Row {
  const id = `${provider.id}/${model.id}`
  return {
    provider,
    modelId: model.id,
    id,
    text: `${id} ${model.name ?? ''}`.toLowerCase(),
    configured,
    deprecated: model.status === 'deprecated',
    releaseDate: model.releaseDate ?? '',
  }
}

/** Configured models come first, then exact names, then the newest. */
function rank(a: Row, b: Row, words: readonly string[]): number {
  if (a.configured !== b.configured) return a.configured ? -1 : 1
  const [aNamed, bNamed] = [isNamed(a, words), isNamed(b, words)]
  if (aNamed !== bNamed) return aNamed ? -1 : 1
  if (a.deprecated !== b.deprecated) return a.deprecated ? 1 : -1
  if (a.releaseDate !== b.releaseDate) return a.releaseDate < b.releaseDate ? 1 : -1
  return a.id < b.id ? -1 : 1
}

const isNamed = ({ id, modelId }: Row, words: readonly string[]) =>
  words.some((word) => word === id.toLowerCase() || word === modelId.toLowerCase())
