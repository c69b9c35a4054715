/**
 * The WebSockets of a Node server. A request for one takes the same path through the app as any other, so the app
 * decides about it and its refusal is a plain response. Every other upgrade is ignored, as RFC 9110, 7.8 allows:
 * the HTTP client of Java asks for HTTP/2 with each first request, also with a body.
 */
import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { LoomError } from '../ground/error.ts'
import { late } from '../ground/late.ts'
import {
  noteUpgrade,
  type OpenSocket,
  type SocketListener,
  type SocketOptions,
  type SocketUpgrade,
} from '../wire/socket-upgrade.ts'

/** The protocol that a browser names beside its credential. A browser wants one of those that it named. */
const protocolName = 'loom'

/** The subprotocol with a credential: a page cannot set the headers of this request. */
const credentialPrefix = 'loom.bearer.'

/** Milliseconds until a client must answer a close frame. */
const closeMs = 5000

/** Milliseconds until a socket that closes at the end of a server is cut. */
const endMs = 200

export interface ServerSocketsOptions {
  fetch: SocketUpgrade['fetch']
  /** Answers a request on its connection. */
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void
}

export class ServerSockets {
  readonly #options: ServerSocketsOptions
  readonly #open = new Map<Duplex, SocketListener | undefined>()
  #isLeaving = false
  /** Servers without sockets do not load the library. */
  readonly #library = late(() => import('ws'))

  constructor(options: ServerSocketsOptions) {
    this.#options = options
  }

  /** Takes the upgrades of a server. */
  attach(server: Server): void {
    server.on('upgrade', (incoming, socket, head) => {
      // A server of `node:http` has sockets of `node:net`.
      if (!(socket instanceof Socket)) socket.destroy()
      else if (wantsSocket(incoming)) this.#upgrade(incoming, socket, head)
      else withoutUpgrade(server, incoming, { socket, head })
    })
  }

  /** Asks all sockets to close as soon as they have nothing to send. */
  leave(): void {
    this.#isLeaving = true
    for (const listener of this.#open.values()) listener?.onLeave()
  }

  /** Closes the sockets that are still open, and cuts those whose client does not answer. */
  end(): void {
    for (const listener of this.#open.values()) listener?.onEnd()
    // Not `unref`: the server waits for the end of its connections.
    setTimeout(() => {
      for (const socket of this.#open.keys()) socket.destroy()
    }, endMs)
  }

  #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    // A reset connection would end the process without a listener; `close` follows.
    socket.on('error', () => {})
    this.#open.set(socket, undefined)
    socket.once('close', () => this.#open.delete(socket))
    addCredential(incoming)
    const outgoing = new ServerResponse(incoming)
    // The parser of HTTP has left the connection, so it serves no other request.
    outgoing.shouldKeepAlive = false
    outgoing.assignSocket(socket)
    outgoing.once('finish', () => socket.end())
    noteUpgrade(incoming, {
      fetch: this.#options.fetch,
      accept: (options) => this.#accept(incoming, socket, { ...options, head, outgoing }),
    })
    this.#options.answer(incoming, outgoing)
  }

  async #accept(
    incoming: IncomingMessage,
    socket: Duplex,
    { head, outgoing, messageBytesMax }: SocketOptions & { head: Buffer; outgoing: ServerResponse },
  ): Promise<OpenSocket> {
    const { WebSocketServer } = await this.#library()
    const settings = {
      noServer: true,
      clientTracking: false,
      maxPayload: messageBytesMax,
      closeTimeout: closeMs,
      // The reader of a message checks it, in steps.
      skipUTF8Validation: true,
      handleProtocols: (names: Set<string>) => (names.has(protocolName) ? protocolName : false),
    }
    const server = new WebSocketServer(settings)
    const { promise, resolve, reject } = Promise.withResolvers<OpenSocket>()
    const onClose = () => reject(new LoomError('aborted', 'The client closed the connection.'))
    socket.once('close', onClose)
    server.once('wsClientError', (cause) =>
      reject(new LoomError('invalid-request', `${cause.message}.`, { cause })),
    )
    server.handleUpgrade(incoming, socket, head, (raw) => {
      socket.off('close', onClose)
      // Until somebody listens.
      raw.pause()
      // For the watchers of requests, a socket that closes is the end of a response and no failure.
      raw.once('close', () => (outgoing.finished = true))
      resolve({
        get bufferedAmount() {
          return raw.bufferedAmount
        },
        send: (text, onSent) => raw.send(text, onSent),
        close: (code, reason) => raw.close(code, reason),
        terminate: () => raw.terminate(),
        ping: () => raw.ping(),
        pause: () => raw.pause(),
        resume: () => raw.resume(),
        listen: (listener) => {
          raw.on('message', (data, isBinary) => listener.onMessage(bytesOf(data), isBinary))
          raw.on('pong', listener.onPong)
          // The library closes the socket with the code of the error.
          raw.on('error', () => {})
          raw.once('close', listener.onClose)
          this.#open.set(socket, listener)
          raw.resume()
          if (this.#isLeaving) listener.onLeave()
        },
      })
    })
    return promise
  }
}

const bytesOf = (data: Buffer | ArrayBuffer | Buffer[]): Uint8Array => {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}

/** Whether a server of `node:http` reports the upgrade that a request asks for (Node.js 24.9 and later). */
export const wantsSocket = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket'

/** Moves the credential of a subprotocol to the header in which every request has it. */
function addCredential(incoming: IncomingMessage): void {
  if (incoming.headers.authorization !== undefined) return
  const names = (incoming.headers['sec-websocket-protocol'] ?? '').split(',')
  const named = names.map((name) => name.trim()).find((name) => name.startsWith(credentialPrefix))
  if (named === undefined) return
  const value = `Bearer ${named.slice(credentialPrefix.length)}`
  incoming.headers.authorization = value
  incoming.rawHeaders.push('Authorization', value)
}

/** Gives a request back to the server without its upgrade. Older versions of Node.js report every upgrade. */
function withoutUpgrade(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  { socket, head }: { socket: Duplex; head: Buffer },
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    const lower = name.toLowerCase()
    if (lower === 'upgrade' || lower === 'http2-settings') continue
    lines.push(`${name}: ${lower === 'connection' ? connectionWithoutUpgrade(value) : value}`)
  }
  const text = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  socket.unshift(Buffer.concat([text, head]))
  server.emit('connection', socket)
}

const connectionWithoutUpgrade = (value: string): string => {
  const kept = value.split(',').filter((name) => !/^\s*(?:upgrade|http2-settings)\s*$/i.test(name))
  return kept.length === 0 ? 'keep-alive' : kept.join(',')
}
