/**
 * Loom's server on a free port, and a `fetch` that records the requests of a client and every byte
 * of the responses, also those that the client did not read after an error.
 */
import type { Hono } from 'hono'

import type { Agent } from '../../src/agent.ts'
import { listen } from '../../src/server/listen.ts'
import type { Message } from '../clients.ts'
import { servedApp } from '../served-app.ts'

export interface LiveServer extends AsyncDisposable {
  /** The address for the posts of clients. */
  api: string
  url: string
  /** The errors that a server writes to its log. */
  reported: unknown[]
}

/** Serves the first agent at `/api/chat`. */
export async function openServer(
  agents: readonly [Agent, ...Agent[]],
  addRoutes: (app: Hono) => void = () => {},
): Promise<LiveServer> {
  const reported: unknown[] = []
  const app = await servedApp({ agents, report: (error) => reported.push(error) })
  addRoutes(app)
  const { url, stop } = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  return { url, api: `${url}/api/chat`, reported, [Symbol.asyncDispose]: () => stop(0) }
}

export interface Exchange {
  posted: Posted
  status: number
  headers: Headers
  /** The part of the answer that has arrived. */
  text: string
  /** Settles at the end: true for a clean end, false for a broken connection. */
  whole: Promise<boolean>
}

export interface Posted {
  id?: string
  trigger?: string
  messageId?: string
  messages: readonly (Message & { role: string })[]
}

export interface Recorder {
  fetch: typeof fetch
  decided: (sends: boolean) => void
  /** All requests, in order. */
  readonly exchanges: readonly Exchange[]
  /**
   * Whether the last action of the client was the decision to send nothing automatically. It
   * decides after every answer, so no request can follow.
   */
  readonly rests: boolean
}

export function openRecorder(): Recorder {
  const exchanges: Exchange[] = []
  let rests = true
  return {
    exchanges,
    get rests() {
      return rests
    },
    decided(sends) {
      rests = !sends
    },
    async fetch(input, init) {
      const posted = init?.body
      if (typeof posted !== 'string') throw new TypeError('clients post text')
      const exchange: Exchange = {
        posted: JSON.parse(posted),
        status: 0,
        headers: new Headers(),
        text: '',
        whole: Promise.resolve(false),
      }
      exchanges.push(exchange)
      rests = false
      const { status, headers, body } = await fetch(input, init)
      Object.assign(exchange, { status, headers })
      const [own, theirs] = body?.tee() ?? [null, null]
      exchange.whole = record(own, exchange)
      return new Response(theirs, { status, headers })
    },
  }
}

async function record(body: ReadableStream<Uint8Array> | null, exchange: Exchange) {
  const decoder = new TextDecoder()
  try {
    for await (const bytes of body ?? []) exchange.text += decoder.decode(bytes, { stream: true })
    return true
  } catch {
    // The connection broke. The test that broke it checks the rest.
    return false
  }
}
