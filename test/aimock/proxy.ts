/**
 * A proxy between Loom and the mock, for faults that the mock cannot produce. It reads the whole
 * answer first, so each fault is the same every time.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

import { type OnFinished, serveInTest } from '../fixtures/open-server.ts'
import { writeAlone } from '../fixtures/upstream.ts'

export interface GoodAnswer {
  status: number
  contentType: string
  body: string
  /** The body, split where its events end. */
  events: string[]
}

/** Sends an answer in the mock's place. */
export type Fault = (response: ServerResponse, answer: GoodAnswer) => void | Promise<void>

export interface Proxy {
  url: string
  /** The faults of the next answers, in order. Later answers pass unchanged. */
  faults: Fault[]
}

/** Opens a proxy, which closes at the end of the test. */
export async function openProxy(target: string, onFinished?: OnFinished): Promise<Proxy> {
  const faults: Fault[] = []
  const url = await serveInTest((request, response) => {
    const answer = async () => (faults.shift() ?? passOn)(response, await askMock(target, request))
    answer().catch(() => response.destroy())
  }, onFinished)
  return { url, faults }
}

const passOn: Fault = (response, { status, contentType, body }) => {
  response.writeHead(status, { 'content-type': contentType }).end(body)
}

async function askMock(target: string, request: IncomingMessage): Promise<GoodAnswer> {
  const { authorization, 'x-api-key': anthropic, 'x-goog-api-key': google } = request.headers
  const answer = await fetch(target + request.url, {
    method: 'POST',
    body: await text(request),
    headers: {
      'content-type': 'application/json',
      ...(authorization !== undefined && { authorization }),
      ...(anthropic !== undefined && { 'x-api-key': String(anthropic) }),
      ...(google !== undefined && { 'x-goog-api-key': String(google) }),
    },
  })
  const body = await answer.text()
  const contentType = answer.headers.get('content-type') ?? ''
  return { status: answer.status, contentType, body, events: body.split(/(?<=\n\n)/) }
}

/** Sends the beginning of a good answer. The client has these bytes when it resolves. */
export async function begin(
  response: ServerResponse,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
  await writeAlone(response, body)
}
