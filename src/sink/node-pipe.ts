/**
 * Writes to Node's own response under @hono/node-server: a web stream between would cost as much
 * again per token. Hono must then be told that the response is already sent.
 */
import { ServerResponse } from 'node:http'

import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'

import type { Pipe, PipeListener } from './pipe.ts'

interface Bindings {
  outgoing?: unknown
}

/** Node's response, where this request came through @hono/node-server over HTTP/1.1. */
export function outgoingOf(c: Context): ServerResponse | undefined {
  const bindings: Bindings | undefined = c.env
  return bindings?.outgoing instanceof ServerResponse ? bindings.outgoing : undefined
}

export class NodePipe implements Pipe {
  readonly #c: Context
  readonly #outgoing: ServerResponse
  readonly #headers: Readonly<Record<string, string>>

  constructor(parts: {
    c: Context
    outgoing: ServerResponse
    headers: Readonly<Record<string, string>>
    listener: PipeListener
  }) {
    const { outgoing, listener } = parts
    this.#c = parts.c
    this.#outgoing = outgoing
    this.#headers = parts.headers
    outgoing.on('drain', listener.onDrain)
    outgoing.on('timeout', listener.onStall)
    // A reset connection is an `error` first; unheard, it would end the process. `close` follows.
    outgoing.on('error', () => {})
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) listener.onGone()
    })
    // Gone while its request was read: there is no `close` to come.
    if (outgoing.destroyed) queueMicrotask(listener.onGone)
  }

  /**
   * A copy, and one whose body was asked for: Hono copies the response when a middleware has set
   * headers, and @hono/node-server 2.1 sends copies of an untouched one again, which fails and cuts
   * the stream.
   */
  get response(): Response {
    const response = new Response(null, RESPONSE_ALREADY_SENT)
    void response.body
    return response
  }

  get buffered(): number {
    return this.#outgoing.writableLength
  }

  open(): void {
    this.#writeHead()
    this.#outgoing.flushHeaders()
  }

  write(text: string): void {
    this.#writeHead()
    this.#outgoing.write(text)
  }

  end(text: string): void {
    this.#writeHead()
    this.#outgoing.end(text)
  }

  cut(text: string): void {
    this.#writeHead()
    this.#outgoing.write(text, () => this.destroy())
  }

  destroy(): void {
    this.#outgoing.destroy()
  }

  /** The socket's own timer, which also counts a large write that is taken bit by bit as progress. */
  watch(stallMs: number): void {
    this.#outgoing.setTimeout(stallMs)
  }

  /** Late, so that headers are taken along which middlewares set after the route has returned. */
  #writeHead(): void {
    const outgoing = this.#outgoing
    if (outgoing.headersSent) return
    for (const [name, value] of this.#c.res.headers) {
      if (RESPONSE_ALREADY_SENT.headers.has(name)) continue
      if (name === 'set-cookie') outgoing.appendHeader(name, value)
      else outgoing.setHeader(name, value)
    }
    outgoing.writeHead(200, this.#headers)
  }
}
