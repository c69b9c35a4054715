/** A model server over HTTP with the answers of a test, which records the body of each request. */
import type { ServerResponse } from 'node:http'

import { serveInTest } from '../fixtures/open-server.ts'

/** The parsed JSON of a request body. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Body = Record<string, any>

export interface ProviderRequest {
  path: string
  body: Body
}

export interface ProviderServer {
  /** The address without a path. */
  root: string
  /** Every request, in order. */
  requests: ProviderRequest[]
}

/** Answers each request with `answer`, until the end of the test. */
export async function providerServer(
  answer: (request: ProviderRequest, response: ServerResponse, count: number) => unknown,
): Promise<ProviderServer> {
  const requests: ProviderRequest[] = []
  const root = await serveInTest((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const body: Body = JSON.parse(Buffer.concat(pieces).toString())
      const received = { path: request.url ?? '', body }
      requests.push(received)
      answer(received, response, requests.length)
    })
  })
  return { root, requests }
}

/** Sends the events of a stream and ends it. */
export function stream(response: ServerResponse, ...events: unknown[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`)
  response.end('data: [DONE]\n\n')
}

export function refuse(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** A chunk of a chat completion. */
export const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_790_000_000,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason }],
})

/** A whole chat completion with one text. */
export const say = (text: string) => [
  chunk({ role: 'assistant', content: text }),
  chunk({}, 'stop'),
]
