/**
 * A Node server around a fetch handler. `stop` lets running answers finish. Until then the server
 * accepts connections, so that a load balancer reads on `/readyz` that it is not ready, instead of
 * a refused connection. Then it closes all connections, at the latest at the end of the time limit.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { getRequestListener } from '@hono/node-server'

import { LoomError } from '../ground/error.ts'
import { ServerSockets, wantsSocket } from './sockets.ts'

export interface Listening {
  /** The address of the server, with its actual port. */
  url: string
  /**
   * Answers requests until `work` is done and no client reads an answer any more, and then closes.
   * Resolves when the last connection is closed, at most `graceMs` later.
   */
  stop: (graceMs: number, work?: Promise<unknown>) => Promise<void>
}

type Fetch = (request: Request, bindings: object) => Response | Promise<Response>

export interface ListenOptions {
  host: string
  /** The port to listen on. 0 takes any free port. */
  port: number
  /** Milliseconds that a connection without a request stays open. @defaultValue 75000 */
  idleMs?: number
  /** Milliseconds until the head of a request must be complete. @defaultValue 20000 */
  headMs?: number
  /**
   * Milliseconds until the head and the body of a request must be complete. A message of 256 MiB needs a few
   * minutes on a slow line. @defaultValue 300000
   */
  requestMs?: number
}

/** The greatest size of the head of a request, in bytes. A larger one gets status 431. */
const headBytesMax = 16 * 1024

/** @throws LoomError `invalid-config` if the address cannot be used */
export async function listen(
  fetch: Fetch,
  { host, port, idleMs = 75_000, headMs = 20_000, requestMs = 300_000 }: ListenOptions,
): Promise<Listening> {
  const hostname = host.replace(/^\[|\]$/g, '')
  const answer = getRequestListener(fetch, { hostname })
  let [open, isStopping] = [0, false]
  const limits = {
    keepAliveTimeout: idleMs,
    headersTimeout: Math.min(headMs, requestMs),
    requestTimeout: requestMs,
    // A client that sends one byte after the other must not hold a connection (slowloris).
    connectionsCheckingInterval: Math.ceil(Math.min(headMs, requestMs) / 4),
    maxHeaderSize: headBytesMax,
    shouldUpgradeCallback: wantsSocket,
  }
  const receive = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    open++
    outgoing.once('close', () => open--)
    // The next request on this connection would find it closed.
    if (isStopping) outgoing.shouldKeepAlive = false
    // The promise never rejects: `answer` reports its own failures with a status.
    void answer(incoming, outgoing)
  }
  const server = createServer(limits, receive)
  const sockets = new ServerSockets({ fetch, answer: receive })
  sockets.attach(server)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (error) => reject(refusal(error, host, port)))
  server.listen(port, hostname, resolve)
  await promise
  return {
    url: urlOf(server, hostname),
    async stop(graceMs, work) {
      isStopping = true
      const signal = AbortSignal.timeout(graceMs)
      sockets.leave()
      await Promise.race([work, abortOf(signal)])
      const isRead = () => open > 0
      while (isRead() && !signal.aborted)
        await delay(sweepMs, undefined, { signal }).catch(() => {})
      const closed = close(server, signal)
      void abortOf(signal).then(() => sockets.end())
      await closed
    },
  }
}

function refusal(error: Error, host: string, port: number): LoomError {
  const code = 'code' in error ? error.code : undefined
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `PORT ${port} is in use on ${host}: stop what uses it, or set another PORT.`,
    EACCES: `PORT ${port} is not allowed to this user: set another PORT.`,
    EADDRNOTAVAIL: `HOST ${host} is no address of this machine.`,
    ENOTFOUND: `HOST ${host} is no known name.`,
  }
  const reason = typeof code === 'string' ? reasons[code] : undefined
  return new LoomError('invalid-config', reason ?? `Cannot listen: ${error.message}`, {
    cause: error,
  })
}

function urlOf(server: Server, hostname: string): string {
  const address = server.address()
  const { port } = isAddress(address) ? address : { port: 0 }
  // A browser cannot open an address that stands for all addresses.
  const name = hostname === '0.0.0.0' || hostname === '::' ? 'localhost' : hostname
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}

const isAddress = (address: AddressInfo | string | null): address is AddressInfo =>
  typeof address === 'object' && address !== null

/**
 * Accepts no more connections. Resolves when the last one is closed; an abort of `signal` closes
 * them all.
 */
function close(server: Server, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  // A kept-alive connection becomes idle when its answer is done, and no event reports it.
  const sweep = setInterval(() => server.closeIdleConnections(), sweepMs)
  server.close(() => {
    clearInterval(sweep)
    resolve()
  })
  void abortOf(signal).then(() => server.closeAllConnections())
  return promise
}

function abortOf(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  else signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

const sweepMs = 100
