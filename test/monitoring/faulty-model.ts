/**
 * An OpenAI-compatible API whose faults the user message chooses: `fail`, `slow`, `tool` (a call that the
 * calculator refuses) and `hold` (nothing before the release). It answers any other message at once.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

import { z } from 'zod'

import { localhost } from '../redis/server.ts'

/** Just above the threshold of the alert. */
const slowMs = 3100

const prompt = z.object({
  messages: z.array(z.object({ role: z.string(), content: z.unknown() })),
})

export interface FaultyModel extends AsyncDisposable {
  url: string
  /** The number of calls that are held. */
  readonly held: number
  /** Releases the held calls. Later ones are held again. */
  release(): void
}

export async function openFaultyModel(): Promise<FaultyModel> {
  let gate = Promise.withResolvers<void>()
  let held = 0
  const reply = async (request: IncomingMessage, response: ServerResponse) => {
    const { messages } = prompt.parse(JSON.parse(await text(request)))
    const wish = JSON.stringify(messages.findLast(({ role }) => role === 'user')?.content)
    const isWish = (word: string) => wish.includes(word)
    if (isWish('fail')) return response.writeHead(404).end('{"error":{"message":"no"}}')
    if (isWish('slow')) await delay(slowMs)
    if (isWish('hold')) {
      held++
      await gate.promise
      held--
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const isCall = isWish('tool') && messages.at(-1)?.role === 'user'
    for (const choice of isCall ? badCall : answer) {
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`)
    }
    return response.end('data: [DONE]\n\n')
  }
  const server = createServer((request, response) => void reply(request, response))
  server.listen(0, localhost)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://${localhost}:${port}/v1`,
    get held() {
      return held
    },
    release() {
      gate.resolve()
      gate = Promise.withResolvers()
    },
    async [Symbol.asyncDispose]() {
      gate.resolve()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const answer = [{ delta: { content: 'Done.' } }, { delta: {}, finish_reason: 'stop' }]

const call = {
  index: 0,
  id: 'call-1',
  type: 'function',
  function: { name: 'calculator', arguments: '{"expr":"2 +"}' },
}

const badCall = [{ delta: { tool_calls: [call] } }, { delta: {}, finish_reason: 'tool_calls' }]
