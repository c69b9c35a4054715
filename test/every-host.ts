/**
 * All hosts of the internet as one server on this machine. It answers for every host, and stores
 * the requests. The bytes go over real sockets; only name resolution and TLS are left out.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

import { Agent, fetch as undiciFetch } from 'undici'
import { onTestFinished, vi } from 'vitest'

import { httpTransport } from '../src/model/openai-compatible/http-transport.ts'
import type { Transport } from '../src/model/openai-compatible/transport.ts'
import { openServer } from './fixtures/open-server.ts'

export interface SentRequest {
  /** The address, with the host of the request. */
  url: string
  headers: IncomingHttpHeaders
  body: string
}

export interface EveryHost {
  requests: SentRequest[]
  /** The transport for Loom's own client. */
  transport: Transport
}

/** @param answer the body of each answer, an event stream; without it, each answer is a 500 */
export async function everyHost(answer?: string): Promise<EveryHost> {
  const requests: SentRequest[] = []
  const server = await openServer((request, response) => {
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
  const dispatcher = new Agent({
    connect(_options, callback) {
      const socket = connect(server.port, '127.0.0.1', () => callback(null, socket))
      socket.once('error', (error) => callback(error, null))
    },
  })
  // The packages of the providers use the global `fetch`, with the types of browsers.
  const fetchAnywhere: unknown = (input: string, init: object) =>
    undiciFetch(input, { ...init, dispatcher })
  vi.stubGlobal('fetch', fetchAnywhere)
  onTestFinished(async () => {
    vi.unstubAllGlobals()
    await dispatcher.destroy()
    await server[Symbol.asyncDispose]()
  })
  return { requests, transport: httpTransport({ dispatcher }) }
}
