/**
 * Writes to Node's own response under @hono/node-server. A web stream between them would double the
 * cost of a token. Hono must then learn that the response is already sent.
 */
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'

import type { Pipe, PipeListener } from './pipe.ts'

interface Bindings {
  outgoing?: unknown
}

/**
 * Returns Node's response, if the request came through @hono/node-server over HTTP/1.1. The
 * responses of Bun and Deno have the same name, but their sockets take no raw chunks.
 */
export function outgoingOf(c: Context): ServerResponse | undefined {
  const bindings: Bindings | undefined = c.env
  if (!(bindings?.outgoing instanceof ServerResponse)) return undefined
  return isNode() ? bindings.outgoing : undefined
}

/**
 * Returns the response for Hono of a request that is answered on its connection. The context creates it and adds
 * the headers that the route set with `c.header`. It is a copy whose body was read. Hono copies the response if a
 * middleware has set headers, and @hono/node-server 2.1 sends a copy of an unread response again, which fails and
 * cuts the stream.
 */
export function alreadySent(c: Context): Response {
  const headers = Object.fromEntries(RESPONSE_ALREADY_SENT.headers)
  const response = c.newResponse(null, 200, headers)
  void response.body
  return response
}

const isNode = () => !('Bun' in globalThis) && !('Deno' in globalThis)

export class NodePipe implements Pipe {
  readonly #c: Context
  readonly #outgoing: ServerResponse
  readonly #headers: Readonly<Record<string, string>>
  readonly #onDrain: () => void
  /** The response's socket, to which chunks are written directly once the head was written. */
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
    // A reset connection first emits `error`; without a listener, that would end the process.
    // `close` follows.
    outgoing.on('error', () => {})
    outgoing.on('close', () => {
      this.#socket?.off('drain', listener.onDrain)
      if (!outgoing.writableFinished) listener.onGone()
    })
    // The connection closed while the request was read, so no `close` event follows.
    if (outgoing.destroyed) queueMicrotask(listener.onGone)
  }

  get response(): Response {
    return alreadySent(this.#c)
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
   * Sends each chunk with one write. Node's own framing makes three writes and a tick to join them,
   * which is a third of the cost of a token. (Chunks: RFC 9112, 7.1. An empty chunk would end the
   * answer.)
   */
  write(text: string): void {
    const socket = this.#chunkSocket()
    if (socket !== undefined && text !== '') {
      socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
      return
    }
    this.#writeHead()
    this.#outgoing.write(text)
    // The first write also sends the head. `headersSent` only says that the head was created.
    this.#headWritten = true
  }

  /**
   * Returns undefined while Node still holds bytes, which must be sent first, and if a middleware of
   * Express or Fastify replaced `write`, for example to compress.
   */
  #chunkSocket(): Socket | undefined {
    const { socket, chunkedEncoding } = this.#outgoing
    if (!this.#headWritten || !chunkedEncoding || socket === null) return undefined
    if (Object.hasOwn(this.#outgoing, 'write')) return undefined
    if (this.#socket !== socket) {
      this.#socket = socket
      // The response reports a drain only for its own writes.
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

  /**
   * Uses the socket's own timer, which counts a large write as progress while the reader takes
   * parts of it.
   */
  watch(stallMs: number): void {
    this.#outgoing.setTimeout(stallMs)
  }

  /** Runs late, so that it includes the headers that middlewares set after the route has returned. */
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
