/**
 * A Node server around a fetch handler. Stopping lets running answers finish, and for as long it goes
 * on taking connections: whoever balances is to read that it is not ready, rather than run into a
 * closed door. Only then are connections closed, or when the time is up.
 */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { getRequestListener } from '@hono/node-server'

import { LoomError } from '../ground/error.ts'

export interface Listening {
  /** Where it can be reached, with the port that was taken. */
  url: string
  /**
   * Answers until `work` is done and nobody reads an answer any more, and closes then. Resolves when
   * the last connection is closed, at most `graceMs` later.
   */
  stop: (graceMs: number, work?: Promise<unknown>) => Promise<void>
}

type Fetch = (request: Request, bindings: object) => Response | Promise<Response>

export interface ListenOptions {
  host: string
  /** 0 takes any free port. */
  port: number
  /** Milliseconds that a connection without a request is held open. @defaultValue 75000 */
  idleMs?: number
}

/** @throws LoomError `invalid-config` where the address cannot be had. */
export async function listen(
  fetch: Fetch,
  { host, port, idleMs = 75_000 }: ListenOptions,
): Promise<Listening> {
  const hostname = host.replace(/^\[|\]$/g, '')
  const answer = getRequestListener(fetch, { hostname })
  let [open, isStopping] = [0, false]
  const server = createServer({ keepAliveTimeout: idleMs }, (incoming, outgoing) => {
    open++
    outgoing.once('close', () => open--)
    // The next request on this connection would find it closed.
    if (isStopping) outgoing.shouldKeepAlive = false
    // It answers its own failures with a status.
    void answer(incoming, outgoing)
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (error) => reject(refusal(error, host, port)))
  server.listen(port, hostname, resolve)
  await promise
  return {
    url: urlOf(server, hostname),
    async stop(graceMs, work) {
      isStopping = true
      const signal = AbortSignal.timeout(graceMs)
      await Promise.race([work, aborted(signal)])
      const isRead = () => open > 0
      while (isRead() && !signal.aborted)
        await delay(sweepMs, undefined, { signal }).catch(() => {})
      await close(server, signal)
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
  // An address that stands for all of them is none that a browser can open.
  const name = hostname === '0.0.0.0' || hostname === '::' ? 'localhost' : hostname
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}

const isAddress = (address: AddressInfo | string | null): address is AddressInfo =>
  typeof address === 'object' && address !== null

/** Takes no more connections. Resolves when the last one is closed, which `signal` sees to. */
function close(server: Server, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  // A kept-alive connection becomes idle when its answer is done, and nothing tells of it.
  const sweep = setInterval(() => server.closeIdleConnections(), sweepMs)
  server.close(() => {
    clearInterval(sweep)
    resolve()
  })
  void aborted(signal).then(() => server.closeAllConnections())
  return promise
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  else signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

const sweepMs = 100
