/**
 * A list of providers and their models in one buffer: a directory in the first line, then one line per
 * model. Only the directory and the requested lines are parsed. So a lookup among thousands of models
 * costs very little, and the memory is the three megabytes of text.
 */
import { promisify } from 'node:util'
import { brotliCompress, brotliDecompress, constants } from 'node:zlib'

import type { ModelEntry, ProviderEntry } from './entry.ts'

/** The source of a list. */
export interface CatalogOrigin {
  /** The address of the list. */
  source: string
  /** The time of the fetch, in milliseconds since 1970. */
  takenAt: number
  /** The `ETag` of the fetched list. Absent if the server sent none. */
  etag?: string
}

/** A provider, and the size of its part of the list. */
export interface ListedProvider extends ProviderEntry {
  /** The count of its models. */
  models: number
  /** The size of their lines in bytes. */
  size: number
}

interface Directory extends CatalogOrigin {
  format: number
  providers: readonly ListedProvider[]
}

/** Increases if the lines change in a way that an older reader would misread. */
const format = 1
const textBytesMax = 64 * 1024 * 1024
const newline = 10

/** A list of providers and their models. */
export class Catalog {
  /** The source of the list. */
  readonly origin: CatalogOrigin
  /** The providers by their id. */
  readonly providers: ReadonlyMap<string, ListedProvider>
  /** The number of all models. */
  readonly modelCount: number
  /** The text that `encodeCatalog` wrote. */
  readonly text: Buffer
  /** The start index of each provider's lines. */
  readonly #starts = new Map<string, number>()

  /** @throws Error if the text is not from `encodeCatalog`. */
  constructor(text: Buffer) {
    const end = text.indexOf(newline)
    const directory: unknown = JSON.parse(text.toString('utf8', 0, Math.max(end, 0)))
    if (!isDirectory(directory)) throw new Error('The list of models has another format.')
    const { source, takenAt, etag, providers } = directory
    let start = end + 1
    for (const { id, size } of providers) {
      this.#starts.set(id, start)
      start += size
    }
    if (start !== text.length) throw new Error('The list of models is not whole.')
    this.origin = { source, takenAt, ...(etag !== undefined && { etag }) }
    this.providers = new Map(providers.map((provider) => [provider.id, provider]))
    this.modelCount = providers.reduce((sum, { models }) => sum + models, 0)
    this.text = text
  }

  /** Returns a model of a provider. Returns undefined if the list lacks it. */
  model(provider: string, id: string): ModelEntry | undefined {
    const lines = this.#linesOf(provider)
    const begin = Buffer.from(`{"id":${JSON.stringify(id)}`)
    for (let at = lines.indexOf(begin); at >= 0; at = lines.indexOf(begin, at + 1)) {
      if (at > 0 && lines[at - 1] !== newline) continue
      return parseModel(lines.toString('utf8', at, lines.indexOf(newline, at)))
    }
    return undefined
  }

  /** Yields the models of a provider. It yields nothing for an unknown provider. */
  *models(provider: string): Generator<ModelEntry> {
    for (const line of this.#linesOf(provider).toString().split('\n')) {
      if (line !== '') yield parseModel(line)
    }
  }

  #linesOf(provider: string): Buffer {
    const start = this.#starts.get(provider) ?? 0
    return this.text.subarray(start, start + (this.providers.get(provider)?.size ?? 0))
  }
}

export interface ProviderModels {
  provider: ProviderEntry
  models: readonly ModelEntry[]
}

/** A provider in the form of a catalog. */
export interface EncodedProvider {
  listed: ListedProvider
  lines: Buffer
}

export function encodeProvider({ provider, models }: ProviderModels): EncodedProvider {
  const { id, name, env, npm, api } = provider
  // The id comes first, because a line is found by it.
  const lines = Buffer.from(models.map(({ id, ...rest }) => lineOf({ id, ...rest })).join(''))
  const listed = {
    id,
    name,
    env,
    ...(npm !== undefined && { npm }),
    ...(api !== undefined && { api }),
    models: models.length,
    size: lines.length,
  }
  return { listed, lines }
}

/** Returns the text of a catalog. */
export function joinCatalog(origin: CatalogOrigin, encoded: readonly EncodedProvider[]): Buffer {
  const providers = encoded.map(({ listed }) => listed)
  const directory: Directory = { format, ...origin, providers }
  return Buffer.concat([Buffer.from(lineOf(directory)), ...encoded.map(({ lines }) => lines)])
}

export const encodeCatalog = (origin: CatalogOrigin, list: readonly ProviderModels[]): Buffer =>
  joinCatalog(origin, list.map(encodeProvider))

const lineOf = (value: object) => `${JSON.stringify(value)}\n`

/** @param quality 11 gives the smallest result and takes seconds */
export function packCatalog(text: Buffer, quality: number): Promise<Buffer> {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = constants
  return promisify(brotliCompress)(text, {
    params: {
      [BROTLI_PARAM_QUALITY]: quality,
      [BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [BROTLI_PARAM_SIZE_HINT]: text.length,
    },
  })
}

/** @throws Error if the bytes are not a packed catalog. */
export async function unpackCatalog(packed: Buffer): Promise<Catalog> {
  return new Catalog(await promisify(brotliDecompress)(packed, { maxOutputLength: textBytesMax }))
}

/** A catalog is read only from files that Loom wrote, so its format number is sufficient. */
function isDirectory(value: unknown): value is Directory {
  return (
    typeof value === 'object' &&
    value !== null &&
    'format' in value &&
    value.format === format &&
    'providers' in value &&
    Array.isArray(value.providers)
  )
}

function parseModel(line: string): ModelEntry {
  const entry: ModelEntry = JSON.parse(line)
  return entry
}
