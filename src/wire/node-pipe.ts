/**
 * Writes to Node's own response under @hono/node-server: a web stream between would cost as much
 * again per token. Hono must then be told that the response is already sent.
 */
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

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
  readonly #onDrain: () => void
  /** Where chunks go by themselves: the response's socket, once its head is on the way. */
  #socket: Socket | undefined
  #headWritten = false

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
    this.#onDrain = listener.onDrain
    outgoing.on('drain', listener.onDrain)
    outgoing.on('timeout', listener.onStall)
    // A reset connection is an `error` first; unheard, it would end the process. `close` follows.
    outgoing.on('error', () => {})
    outgoing.on('close', () => {
      this.#socket?.off('drain', listener.onDrain)
      if (!outgoing.writableFinished) listener.onGone()
    })
    // Gone while its request was read: there is no `close` to come.
    if (outgoing.destroyed) queueMicrotask(listener.onGone)
  }

  /**
   * Made by the context, which adds what the route set with `c.header`; a copy, and one whose body was asked for: Hono copies the response when a middleware has set
   * headers, and @hono/node-server 2.1 sends copies of an untouched one again, which fails and cuts
   * the stream.
   */
  get response(): Response {
    const marked = Object.fromEntries(RESPONSE_ALREADY_SENT.headers)
    const response = this.#c.newResponse(null, 200, marked)
    void response.body
    return response
  }

  get buffered(): number {
    return this.#outgoing.writableLength
  }

  open(): void {
    this.#writeHead()
    this.#outgoing.flushHeaders()
    this.#headWritten = true
  }

  /**
   * One write a chunk: Node's own framing makes three of it and a tick to join them, which is a third
   * of what a token costs. (Chunks: RFC 9112 section 7.1; an empty one would end the answer.)
   */
  write(text: string): void {
    const socket = this.#chunkSocket()
    if (socket !== undefined && text !== '') {
      socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
      return
    }
    this.#writeHead()
    this.#outgoing.write(text)
    // The first write takes the head along; `headersSent` only says that it was made.
    this.#headWritten = true
  }

  /** Undefined while Node holds bytes of its own back: ours must not overtake them. */
  #chunkSocket(): Socket | undefined {
    const { socket, chunkedEncoding } = this.#outgoing
    if (!this.#headWritten || !chunkedEncoding || socket === null) return undefined
    if (this.#socket !== socket) {
      this.#socket = socket
      // The response tells only of its own writes that the socket has taken them.
      socket.on('drain', this.#onDrain)
    }
    return socket.writableCorked === 0 ? socket : undefined
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
