/** A `fetch` whose connections break at chosen places, like lost networks and dying servers. */
import { setImmediate } from 'node:timers/promises'

/** The fate of one request. */
export type Fate =
  | 'whole'
  /** The request never arrives. */
  | 'refused'
  /** The request arrives, and its response does not. */
  | 'lost'
  /** The request arrives, and the turn is over before the client detects the missing response. */
  | 'lost for long'
  /** A proxy in front of the server answers 503. */
  | 'unavailable'
  | Cut

export interface Cut {
  /** The number of whole events that pass. */
  after: number
  /** Whether half of the next event passes too. @defaultValue false */
  half?: boolean
  /** Whether the connection ends like a complete response, as some proxies end it. @defaultValue false */
  cleanly?: boolean
}

export interface CuttingFetch {
  fetch: typeof fetch
  /** The requests, counted from 0, whose streams were cut. A stream may end before its cut. */
  readonly cuts: ReadonlySet<number>
  readonly requests: readonly string[]
}

/** @param fates in the order of the requests; the later requests are not cut */
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
      // Called before the client can see the cut: it then has exactly the parts that passed.
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
  // The client keeps the bytes received before the cut.
  await setImmediate()
  if (!cleanly) throw new TypeError('network error')
}

/** Returns the position after the first whole event, or -1 if there is none. */
function endOf(bytes: Uint8Array): number {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('\n\n')
  return at === -1 ? -1 : at + 2
}
