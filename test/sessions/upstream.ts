/**
 * An OpenAI-compatible API that a whole server can be pointed at. What it says follows from what it
 * is asked alone, whoever asks and however often; so a turn can go on at another instance. The user's
 * message says what it is to be: `steps: 10` is nine tool calls and then an answer, `tool: charge`
 * calls another tool than the calculator, and `hold` (or `hold at 2`) says the first words of the last
 * step (or of that one) and then nothing more until it is let go.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { within } from '../deadline.ts'
import { localhost } from '../redis/server.ts'
import { until } from '../redis/until.ts'

export interface Upstream extends AsyncDisposable {
  url: string
  /** Every call, in the order in which they came. */
  readonly calls: readonly UpstreamCall[]
  /** Calls that are being answered. */
  readonly running: number
  /** Calls whose caller hung up before the end. */
  readonly aborted: number
  /** Every user message that was asked, once for each call. */
  readonly asked: string[]
  /** Calls that say nothing more until they are let go. */
  readonly held: number
  /** Lets held calls go on, and holds no more. */
  letGo(): void
  /** Settles when nobody is being answered. */
  quiet(): Promise<void>
}

export interface UpstreamCall {
  /** The last user message, but for the note that a reply was cut off. */
  asked: string
  /** The API key that the caller sent: each instance of a stage has its own. */
  key: string
  /** All of it, as the model is told it. */
  messages: readonly { role: string; content: unknown }[]
  state: 'running' | 'held' | 'answered' | 'aborted'
  /** Of `performance.now()`. */
  endedAt: number | undefined
}

export interface Asked {
  messages: { role: string; content: unknown; tool_call_id?: string }[]
}

/**
 * @param paceMs between two chunks; 0 says all at once
 * @param replyTo what is said to which messages, in the place of what the head of this file tells
 */
export async function openUpstream(
  paceMs: number,
  replyTo: (messages: Asked['messages']) => Reply = replyToWish,
): Promise<Upstream> {
  const calls: UpstreamCall[] = []
  const gate = Promise.withResolvers<void>()
  const inState = (state: UpstreamCall['state']) =>
    calls.reduce((count, call) => (call.state === state ? count + 1 : count), 0)
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      // What this test asks of it, by Loom's own client.
      const { messages }: Asked = JSON.parse(body)
      const asked = textOf(
        messages.findLast(({ role, content }) => role === 'user' && !isNote(content)),
      )
      const key = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
      const call: UpstreamCall = { asked, key, messages, state: 'running', endedAt: undefined }
      calls.push(call)
      response.on('close', () => {
        call.state = response.writableEnded ? 'answered' : 'aborted'
        call.endedAt = performance.now()
      })
      const hold = async () => {
        call.state = 'held'
        await gate.promise
      }
      void answer(response, replyTo(messages), { paceMs, hold })
    })
  }).listen(0, localhost)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return {
    url: `http://${localhost}:${address.port}/v1`,
    calls,
    get running() {
      return inState('running') + inState('held')
    },
    get held() {
      return inState('held')
    },
    get aborted() {
      return inState('aborted')
    },
    get asked() {
      return calls.map(({ asked }) => asked)
    },
    letGo: () => gate.resolve(),
    quiet: () =>
      until(10_000, 'the upstream is quiet', () => inState('running') + inState('held') === 0),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await within(5000, 'the end of the upstream', once(server, 'close'))
    },
  }
}

async function answer(
  response: ServerResponse,
  { deltas, heldAt, usage }: Reply,
  { paceMs, hold }: { paceMs: number; hold: () => Promise<void> },
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const [index, delta] of deltas.entries()) {
    if (paceMs > 0) await delay(paceMs)
    if (index === heldAt && !response.destroyed) await hold()
    if (response.destroyed) return
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, ...delta }] })}\n\n`)
  }
  if (usage !== undefined) response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`)
  response.end('data: [DONE]\n\n')
}

export interface Reply {
  /** Of `choices[0]`. */
  deltas: object[]
  /** Where it is held. */
  heldAt: number | undefined
  /** The tokens of the call, in a last chunk as OpenAI sends it. */
  usage?: { prompt_tokens: number; completion_tokens: number } | undefined
}

function replyToWish(messages: Asked['messages']): Reply {
  const from = messages.findLastIndex(({ role, content }) => role === 'user' && isWish(content))
  const wish = textOf(messages[from])
  const [, wished] = /steps: (\d+)/.exec(wish) ?? []
  const [, tool = 'calculator'] = /tool: (\w+)/.exec(wish) ?? []
  const steps = Number(wished ?? 1)
  const step = 1 + messages.slice(from).filter(({ role }) => role === 'tool').length
  const text = [`Step ${step}:`, ' one', ' two', ' three.', ' '].map((content) => ({
    delta: { content },
  }))
  const [held, heldStep = steps] = /\bhold\b(?: at (\d+))?/.exec(wish) ?? []
  const heldAt = held !== undefined && step === Number(heldStep) ? 3 : undefined
  if (step >= steps) {
    return { deltas: [...text, { delta: {}, finish_reason: 'stop' }], heldAt }
  }
  const called = { name: tool, arguments: JSON.stringify({ expr: `${step} + 1` }) }
  const call = { index: 0, id: `call-${step}`, type: 'function', function: called }
  return {
    deltas: [
      ...text,
      { delta: { tool_calls: [call] } },
      { delta: {}, finish_reason: 'tool_calls' },
    ],
    heldAt,
  }
}

const isNote = (content: unknown) => JSON.stringify(content).startsWith('"Your reply was cut off')

const isWish = (content: unknown) => /steps: \d+/.test(JSON.stringify(content))

const textOf = (message: { content: unknown } | undefined): string =>
  typeof message?.content === 'string' ? message.content : JSON.stringify(message?.content ?? '')
