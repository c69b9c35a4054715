/**
 * Fetches a newer list from models.dev. The result is used only if it looks like a list of models: an
 * outage page, a truncated answer or a list of half the size must not remove models.
 */
import { setImmediate } from 'node:timers/promises'

import { Catalog, joinCatalog } from './catalog.ts'
import { knownAddresses } from './known-addresses.ts'
import { encodePayload } from './payload.ts'

export const modelsDevUrl = 'https://models.dev/api.json'

const timeoutMs = 10_000
const bytesMax = 32 * 1024 * 1024

export interface RefreshOptions {
  url: string
  /** The present list. */
  current: Catalog
  /** The list that is part of Loom. It decides where the keys of its providers may go. */
  shipped: Catalog
  signal?: AbortSignal | undefined
  /** @defaultValue 10000 */
  timeoutMs?: number | undefined
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch | undefined
}

/**
 * Returns the newer list, or undefined if there is none.
 * @throws Error if the answer is late, too large, or not a list of models.
 */
export async function fetchCatalog(options: RefreshOptions): Promise<Catalog | undefined> {
  const { url, current, shipped, signal, fetch = globalThis.fetch } = options
  const late = AbortSignal.timeout(options.timeoutMs ?? timeoutMs)
  const { origin } = current
  const response = await fetch(url, {
    headers: {
      'user-agent': 'loom',
      accept: 'application/json',
      ...(origin.source === url && origin.etag !== undefined && { 'if-none-match': origin.etag }),
    },
    signal: signal === undefined ? late : AbortSignal.any([late, signal]),
  })
  if (response.status === 304) {
    await response.body?.cancel()
    return undefined
  }
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`The server of the list of models answered with status ${response.status}.`)
  }
  const etag = response.headers.get('etag')
  const text = await boundedText(response)
  await setImmediate()
  // This call blocks all other work for the longest time: 50 ms, once a day, for five megabytes.
  const payload: unknown = JSON.parse(text)
  await setImmediate()
  const encoded = await encodePayload(payload, knownAddresses(shipped))
  const taken = { source: url, takenAt: Date.now(), ...(etag !== null && { etag }) }
  const next = new Catalog(joinCatalog(taken, encoded))
  refuseShrunk(next, current)
  return next
}

/** Refuses a list in another form. Loom would read it as a list without facts about its models. */
function refuseShrunk(next: Catalog, current: Catalog): void {
  const [now, past] = [measuresOf(next), measuresOf(current)]
  for (const [index, { count, of }] of now.entries()) {
    const before = past[index]?.count ?? 0
    if (count * 2 >= before) continue
    throw new Error(`The new list of models has ${count} of ${before} ${of}, and is not used.`)
  }
}

const measuresOf = ({ providers, modelCount, text }: Catalog) => [
  { count: modelCount, of: 'models' },
  { count: providers.size, of: 'providers' },
  { count: occurrences(text, '"contextWindow":'), of: 'context windows' },
  { count: occurrences(text, '"price":'), of: 'prices' },
]

function occurrences(text: Buffer, word: string): number {
  let count = 0
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) count++
  return count
}

async function boundedText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response.body ?? []) {
    size += piece.length
    if (size > bytesMax) throw new Error('The list of models is too large.')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
