/**
 * The request that a message of a WebSocket stands for. It has the headers of the handshake, so that the app knows
 * its sender in the same way, and a few of the message: a message comes from the client itself, so it must not set
 * a header that a proxy or a browser sets.
 */
import type { Context } from 'hono'

import type { ResumeFrame, SendFrame } from './frame.ts'

/** The headers of a message that its request has. */
const ownHeaders = ['authorization', 'idempotency-key', 'traceparent', 'tracestate', 'x-request-id']

/** The headers of a handshake that are about the connection or its own request. */
const handshakeHeaders = new Set([
  'accept',
  'connection',
  'content-length',
  'content-type',
  'idempotency-key',
  'last-event-id',
  'prefer',
  'traceparent',
  'tracestate',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
])

export class InnerRequests {
  readonly #handshake: Headers
  readonly #base: URL
  readonly #query: URLSearchParams
  readonly #id: string

  /** @param c the request for the socket, at `…/:id/socket` */
  constructor(c: Context) {
    this.#handshake = new Headers()
    for (const [name, value] of Object.entries(c.req.header())) {
      if (handshakeHeaders.has(name) || name.startsWith('sec-websocket-')) continue
      this.#handshake.set(name, value)
    }
    // An error then has its code. Only a request for JSON alone gets the whole answer as JSON.
    this.#handshake.set('accept', 'text/event-stream, application/json')
    const url = new URL(c.req.url)
    this.#id = c.req.param('id') ?? ''
    this.#base = new URL(url.pathname.replace(/\/[^/]+\/socket$/, ''), url)
    this.#query = new URLSearchParams({ profile: url.searchParams.get('profile') ?? 'v7' })
    const follow = url.searchParams.get('follow')
    if (follow !== null) this.#query.set('follow', follow)
  }

  post({ headers }: SendFrame, signal: AbortSignal): Request {
    const url = `${this.#base.href}?profile=${this.#query.get('profile')}`
    return new Request(url, { method: 'POST', headers: this.#headers(headers), signal })
  }

  resume({ headers }: ResumeFrame, signal: AbortSignal): Request {
    const query = this.#query.toString()
    return new Request(`${this.#session}/stream?${query}`, {
      headers: this.#headers(headers),
      signal,
    })
  }

  /** Stops the answer to this message. */
  stop(): Request {
    const headers = new Headers(this.#headers({}))
    headers.set('content-type', 'application/json')
    return new Request(`${this.#session}/stop`, { method: 'POST', headers })
  }

  get #session(): string {
    return `${this.#base.href}/${encodeURIComponent(this.#id)}`
  }

  #headers(own: Readonly<Record<string, string>>): Headers {
    const headers = new Headers(this.#handshake)
    for (const [name, value] of Object.entries(own)) {
      if (ownHeaders.includes(name.toLowerCase())) headers.set(name, value)
    }
    return headers
  }
}
