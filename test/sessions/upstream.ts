/**
 * An OpenAI-compatible API for whole servers. Only the prompt decides its reply, so a turn can continue
 * on another instance. The user message chooses the reply: `steps: 10` is nine tool calls and then an
 * answer, `tool: charge` calls another tool than the calculator, and `hold` (or `hold at 2`) sends the
 * first words of the last step (or of that one) and then nothing more until its release.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { within } from '../deadline.ts'
import { localhost } from '../redis/server.ts'
import { until } from '../redis/until.ts'

export interface Upstream extends AsyncDisposable {
  url: string
  /** Every call, in the order of arrival. */
  readonly calls: readonly UpstreamCall[]
  /** The number of calls without a complete response. */
  readonly running: number
  /** The number of calls whose caller disconnected before the end. */
  readonly aborted: number
  /** The user message of every call. */
  readonly asked: string[]
  /** The number of held calls. */
  readonly held: number
  /** Releases held calls, and holds no more. */
  letGo(): void
  /** Waits until no call is open. */
  quiet(): Promise<void>
}

export interface UpstreamCall {
  /** The last user message, without the note of a partial reply. */
  asked: string
  /** The API key of the caller. Each instance of a stage has its own. */
  key: string
  /** All messages of the prompt. */
  messages: readonly { role: string; content: unknown }[]
  /** The names of the tools that the caller offers. */
  tools: readonly string[]
  state: 'running' | 'held' | 'answered' | 'aborted'
  /** Whether the tokens of the call were sent. The end of the response follows a moment later. */
  hasTokens: boolean
  /** The time of `performance.now()`. */
  endedAt: number | undefined
}

export interface Asked {
  messages: { role: string; content: unknown; tool_call_id?: string }[]
  tools?: { function: { name: string } }[]
}

/**
 * @param paceMs the time between two chunks; 0 sends all at once
 * @param replyTo replaces the replies that the head of this file describes
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
      // The part of the request that this test needs, from Loom's own client.
      const { messages, tools: offered = [] }: Asked = JSON.parse(body)
      const tools = offered.map((tool) => tool.function.name)
      const asked = textOf(
        messages.findLast(({ role, content }) => role === 'user' && !isNote(content)),
      )
      const key = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
      const call: UpstreamCall = {
        asked,
        key,
        messages,
        tools,
        state: 'running',
        hasTokens: false,
        endedAt: undefined,
      }
      calls.push(call)
      response.on('close', () => {
        call.state = response.writableEnded ? 'answered' : 'aborted'
        call.endedAt = performance.now()
      })
      const hold = async () => {
        call.state = 'held'
        await gate.promise
      }
      const onTokens = () => (call.hasTokens = true)
      void answer(response, replyTo(messages), { paceMs, hold, onTokens })
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
  { paceMs, hold, onTokens }: { paceMs: number; hold: () => Promise<void>; onTokens: () => void },
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const [index, delta] of deltas.entries()) {
    if (paceMs > 0) await delay(paceMs)
    if (index === heldAt && !response.destroyed) await hold()
    if (response.destroyed) return
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, ...delta }] })}\n\n`)
  }
  if (usage !== undefined) {
    response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`)
    onTokens()
  }
  response.end('data: [DONE]\n\n')
}

export interface Reply {
  /** The delta of `choices[0]`. */
  deltas: object[]
  /** The index of the delta before which the call is held. */
  heldAt: number | undefined
  /** The tokens of the call, in a last chunk like OpenAI's. */
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
