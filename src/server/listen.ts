/**
 * A Node server around a fetch handler. Stopping lets running answers finish: connections that are
 * idle are closed at once, the others when they become idle or their time is up.
 */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { getRequestListener } from '@hono/node-server'

import { LoomError } from '../error.ts'

export interface Listening {
  /** Where it can be reached, with the port that was taken. */
  url: string
  /** Takes no more connections. Resolves when the last one is closed, at most `graceMs` later. */
  stop: (graceMs: number) => Promise<void>
}

type Fetch = (request: Request, bindings: object) => Response | Promise<Response>

/** @throws LoomError `invalid-config` where the address cannot be had. */
export async function listen(
  fetch: Fetch,
  { host, port }: { host: string; port: number },
): Promise<Listening> {
  const hostname = host.replace(/^\[|\]$/g, '')
  const answer = getRequestListener(fetch, { hostname })
  // It answers its own failures with a status.
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (error) => reject(refusal(error, host, port)))
  server.listen(port, hostname, resolve)
  await promise
  return { url: urlOf(server, hostname), stop: (graceMs) => stop(server, graceMs) }
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

function stop(server: Server, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  // A kept-alive connection becomes idle when its answer is done, and nothing tells of it.
  const sweep = setInterval(() => server.closeIdleConnections(), sweepMs)
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs)
  server.close(() => {
    clearInterval(sweep)
    clearTimeout(deadline)
    resolve()
  })
  return promise
}

const sweepMs = 100
