/**
 * The request of a client that wants a WebSocket, and the port of the socket that it gets. A server notes each such
 * request (`src/server/sockets.ts`); without a note, the runtime has no WebSockets for Loom.
 */
import type { Context } from 'hono'

export interface SocketUpgrade {
  /** Answers a request as the server answers those of HTTP. */
  fetch: (request: Request, bindings: object) => Response | Promise<Response>
  /** Accepts the socket. Nothing may be sent as a response after this. */
  accept: (options: SocketOptions) => Promise<OpenSocket>
}

export interface SocketOptions {
  /** The largest message that the client may send, in bytes. A larger one closes the socket with the code 1009. */
  messageBytesMax: number
}

/** An open WebSocket. */
export interface OpenSocket {
  /** The number of sent bytes that the connection has not accepted. */
  readonly bufferedAmount: number
  /** @param onSent called when the connection has accepted the message, or is closed */
  send: (text: string, onSent?: () => void) => void
  /** Closes the socket with a code of RFC 6455, 7.4. */
  close: (code: number, reason: string) => void
  /** Cuts the connection. */
  terminate: () => void
  ping: () => void
  /** Stops reading from the client, so that its messages wait in its own buffers. */
  pause: () => void
  resume: () => void
  listen: (listener: SocketListener) => void
}

export interface SocketListener {
  onMessage: (bytes: Uint8Array, isBinary: boolean) => void
  onPong: () => void
  /** The server shuts down: the socket should close as soon as it has nothing to send. */
  onLeave: () => void
  /** The server ends: the socket must close now. */
  onEnd: () => void
  /** Called once. */
  onClose: () => void
}

const upgrades = new WeakMap<object, SocketUpgrade>()

/** @param incoming the request of Node.js */
export const noteUpgrade = (incoming: object, upgrade: SocketUpgrade) =>
  void upgrades.set(incoming, upgrade)

/** Returns undefined if the request asks for no WebSocket, or the server has none. */
export function upgradeOf(c: Context): SocketUpgrade | undefined {
  const bindings: { incoming?: unknown } | undefined = c.env
  const incoming = bindings?.incoming
  return typeof incoming === 'object' && incoming !== null ? upgrades.get(incoming) : undefined
}
