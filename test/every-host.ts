/**
 * The whole internet as one server on this machine: whatever host is asked for, it answers, and keeps
 * what it was sent. The bytes go over real sockets; only names and TLS are left out.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

import { Agent, fetch as undiciFetch } from 'undici'
import { onTestFinished, vi } from 'vitest'

import { httpTransport } from '../src/model/openai-compatible/http-transport.ts'
import type { Transport } from '../src/model/openai-compatible/transport.ts'

export interface SentRequest {
  /** With the host that was asked for. */
  url: string
  headers: IncomingHttpHeaders
  body: string
}

export interface EveryHost {
  requests: SentRequest[]
  /** For Loom's own client. */
  transport: Transport
}

/** @param answer the body of each answer, an event stream; 500 without one */
export async function everyHost(answer?: string): Promise<EveryHost> {
  const requests: SentRequest[] = []
  const server = createServer((request, response) => {
    const respond = async () => {
      const body = await text(request)
      const url = `//${request.headers.host}${request.url}`
      requests.push({ url, headers: request.headers, body })
      const type = answer === undefined ? 'application/json' : 'text/event-stream'
      response.writeHead(answer === undefined ? 500 : 200, { 'content-type': type })
      response.end(answer ?? '{}')
    }
    respond().catch(() => response.destroy())
  })
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const dispatcher = new Agent({
    connect(_options, callback) {
      const socket = connect(address.port, '127.0.0.1', () => callback(null, socket))
      socket.once('error', (error) => callback(error, null))
    },
  })
  // The providers' packages use the global one, with the types of the browser's.
  const fetchAnywhere: unknown = (input: string, init: object) =>
    undiciFetch(input, { ...init, dispatcher })
  vi.stubGlobal('fetch', fetchAnywhere)
  onTestFinished(async () => {
    vi.unstubAllGlobals()
    await dispatcher.destroy()
    server.closeAllConnections()
    server.close()
  })
  return { requests, transport: httpTransport({ dispatcher }) }
}
