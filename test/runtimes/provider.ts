/**
 * A provider with an OpenAI-compatible API on this machine. It calls the tool `multiply`, and then
 * answers in two parts. The second part waits for the test, so that a client that has the first part
 * has received a stream.
 */
import type { ServerResponse } from 'node:http'

import { delta, done } from '../fixtures/chat-streams.ts'
import { serveInTest } from '../fixtures/open-server.ts'

export const firstPart = 'The product is '
export const secondPart = 'as the tool says.'

export interface Provider {
  baseUrl: string
  /** Holds the second part of the next answers back until the returned function is called. */
  hold: () => () => void
  /** The number of answers whose connection was closed before their end. */
  cuts: () => number
}

/** Serves until the end of the test. */
export async function startProvider(): Promise<Provider> {
  let gate: Promise<void> = Promise.resolve()
  let cuts = 0
  const root = await serveInTest((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      response.on('close', () => {
        if (!response.writableFinished) cuts++
      })
      void answer(response, Buffer.concat(pieces).toString(), gate)
    })
  })
  return {
    baseUrl: `${root}/v1`,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
    cuts: () => cuts,
  }
}

const call = {
  index: 0,
  id: 'call-1',
  type: 'function',
  function: { name: 'multiply', arguments: '{"a":6,"b":7}' },
}

async function answer(response: ServerResponse, body: string, gate: Promise<void>): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  // The output of the tool, in a message of its own.
  if (!/"role":"tool"/.test(body)) {
    response.end(delta({ tool_calls: [call] }) + delta({}, 'tool_calls') + done)
    return
  }
  response.write(delta({ content: firstPart }))
  await gate
  response.end(delta({ content: secondPart }) + delta({}, 'stop') + done)
}
