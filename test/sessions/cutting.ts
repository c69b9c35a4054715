/** A `fetch` whose connections break where a test says, as lost networks and dying servers break them. */
import { setImmediate } from 'node:timers/promises'

/** What becomes of one request. */
export type Fate =
  | 'whole'
  /** It never arrives. */
  | 'refused'
  /** It arrives, and its answer does not. */
  | 'lost'
  /** It arrives, and the turn is over before the client notices that no answer comes. */
  | 'lost for long'
  /** Something before the server says 503. */
  | 'unavailable'
  | Cut

export interface Cut {
  /** Whole events that pass. */
  after: number
  /** Half of the next event passes too. @defaultValue false */
  half?: boolean
  /** The connection ends as if all was said, as some proxies end it. @defaultValue false */
  cleanly?: boolean
}

export interface CuttingFetch {
  fetch: typeof fetch
  /** The requests, counted from 0, whose streams were cut: one may be over before its cut comes. */
  readonly cuts: ReadonlySet<number>
  readonly requests: readonly string[]
}

/** @param fates in the order of the requests; those that follow are left whole */
export function cuttingFetch(fates: readonly Fate[]): CuttingFetch {
  const requests: string[] = []
  const cuts = new Set<number>()
  return {
    requests,
    cuts,
    async fetch(input, init) {
      const index = requests.length
      const fate = fates[index] ?? 'whole'
      requests.push(`${init?.method ?? 'GET'} ${fateName(fate)}`)
      if (fate === 'refused') throw new TypeError('fetch failed')
      if (fate === 'unavailable') return new Response('Not now.', { status: 503 })
      const response = await fetch(input, init)
      if (fate === 'whole' || response.body === null) return response
      if (fate === 'lost') await response.body.cancel()
      if (fate === 'lost for long') await response.text()
      if (typeof fate === 'string') throw new TypeError('network error')
      const body = cutEvents(response.body, fate, () => cuts.add(index))
      return new Response(ReadableStream.from(body), response)
    },
  }
}

const fateName = (fate: Fate) => (typeof fate === 'string' ? fate : JSON.stringify(fate))

async function* cutEvents(
  body: AsyncIterable<Uint8Array>,
  { after, half = false, cleanly = false }: Cut,
  made: () => void,
): AsyncGenerator<Uint8Array> {
  let left = after
  let pending: Uint8Array = new Uint8Array()
  let isCut = false
  for await (const bytes of body) {
    pending = Buffer.concat([pending, bytes])
    for (let end = endOf(pending); end !== -1 && left > 0; end = endOf(pending), left--) {
      // Told before the client can know: what it has then is what comes through.
      if (left === 1 && !half) made()
      yield pending.subarray(0, end)
      pending = pending.subarray(end)
    }
    const next = endOf(pending)
    isCut = left === 0 && (!half || next !== -1)
    if (isCut && half) yield pending.subarray(0, next >> 1)
    if (isCut) break
  }
  if (!isCut) return
  made()
  // What was received before is the client's.
  await setImmediate()
  if (!cleanly) throw new TypeError('network error')
}

/** Behind the first whole event; -1 where there is none. */
function endOf(bytes: Uint8Array): number {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('\n\n')
  return at === -1 ? -1 : at + 2
}
