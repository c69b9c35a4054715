/**
 * An OpenAI-compatible API that a whole server can be pointed at. What it says follows from what it
 * is asked alone: `steps: 10` in the user's message is nine tool calls and then an answer, whoever
 * asks and however often; so a turn can go on at another instance.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { within } from '../deadline.ts'
import { localhost } from '../redis/server.ts'
import { until } from '../redis/until.ts'

export interface Upstream extends AsyncDisposable {
  url: string
  /** Calls that are being answered. */
  readonly running: number
  /** Calls whose caller hung up before the end. */
  readonly aborted: number
  /** Every user message that was asked, once for each call. */
  readonly asked: string[]
  /** Settles when nobody is being answered. */
  quiet(): Promise<void>
}

interface Asked {
  messages: { role: string; content: unknown }[]
}

/** @param paceMs between two chunks */
export async function openUpstream(paceMs: number): Promise<Upstream> {
  let running = 0
  let aborted = 0
  const asked: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      running++
      response.on('close', () => {
        running--
        if (!response.writableEnded) aborted++
      })
      // What this test asks of it, by Loom's own client.
      const { messages }: Asked = JSON.parse(body)
      asked.push(textOf(messages.findLast(({ role }) => role === 'user')))
      void answer(response, messages, paceMs)
    })
  }).listen(0, localhost)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return {
    url: `http://${localhost}:${address.port}/v1`,
    get running() {
      return running
    },
    get aborted() {
      return aborted
    },
    asked,
    quiet: () => until(10_000, 'the upstream is quiet', () => running === 0),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await within(5000, 'the end of the upstream', once(server, 'close'))
    },
  }
}

async function answer(
  response: ServerResponse,
  messages: Asked['messages'],
  paceMs: number,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const delta of deltasOf(messages)) {
    await delay(paceMs)
    if (response.destroyed) return
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, ...delta }] })}\n\n`)
  }
  response.end('data: [DONE]\n\n')
}

function deltasOf(messages: Asked['messages']): object[] {
  const from = messages.findLastIndex(({ role, content }) => role === 'user' && isWish(content))
  const [, wished] = /steps: (\d+)/.exec(textOf(messages[from])) ?? []
  const steps = Number(wished ?? 1)
  const step = 1 + messages.slice(from).filter(({ role }) => role === 'tool').length
  const text = [`Step ${step}:`, ' one', ' two', ' three.', ' '].map((content) => ({
    delta: { content },
  }))
  if (step >= steps) return [...text, { delta: {}, finish_reason: 'stop' }]
  const call = { name: 'calculator', arguments: JSON.stringify({ expr: `${step} + 1` }) }
  return [
    ...text,
    {
      delta: {
        tool_calls: [{ index: 0, id: `call-${step}`, type: 'function', function: call }],
      },
    },
    { delta: {}, finish_reason: 'tool_calls' },
  ]
}

/** Not the note that a reply was cut off. */
const isWish = (content: unknown) => /steps: \d+/.test(JSON.stringify(content))

const textOf = (message: { content: unknown } | undefined): string =>
  typeof message?.content === 'string' ? message.content : JSON.stringify(message?.content ?? '')
