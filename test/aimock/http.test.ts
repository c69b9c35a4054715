/** The complete path: a real AI SDK client, Loom's server over a socket, and the mock behind it. */
import { DefaultChatTransport, readUIMessageStream, type UIMessage } from 'ai'
import { describe, expect, onTestFinished, test } from 'vitest'

import { readConfig } from '../../src/config.ts'
import type { AgentEvent } from '../../src/event.ts'
import { createModels } from '../../src/model/resolve.ts'
import { errorLog } from '../../src/server/error-log.ts'
import { listen } from '../../src/server/listen.ts'
import { within } from '../deadline.ts'
import { expectWellFormed } from '../event-grammar.ts'
import { servedApp } from '../served-app.ts'
import { begin, openProxy } from './proxy.ts'
import {
  apiKey,
  askedOf,
  assistant,
  calculates,
  environmentFor,
  expectPairedCalls,
  openStage,
  providers,
  quickRetries,
  type Reply,
  says,
  script,
  textOf,
  typesOf,
} from './stage.ts'

interface Server {
  url: string
  log: string[]
}

/** Starts Loom with one agent, whose provider is at `address`. It stops at the end of the test. */
async function openServer(model: string, address: string): Promise<Server> {
  const config = readConfig({
    LOOM_MODEL: model,
    LOOM_FIRST_CHUNK_MS: '250',
    LOOM_NEXT_CHUNK_MS: '250',
  })
  const models = createModels({ environment: environmentFor(address) })
  const log: string[] = []
  const redact = (text: string) => models.redact(text)
  const report = errorLog({ logLevel: 'info', redact, writeLine: (line) => log.push(line) })
  const app = await servedApp({ agents: [assistant], models, config, report })
  const server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.stop(0))
  return { url: server.url, log }
}

interface Answer {
  events: AgentEvent[]
  text: string
}

/** Posts like `curl`, and reads to the end. */
async function post(url: string, message: string, query = ''): Promise<Answer> {
  const asking = fetch(`${url}/api/chat${query}`, {
    method: 'POST',
    body: JSON.stringify({ message }),
  })
  const response = await within(5000, 'the head of the answer', asking)
  expect(response.status).toBe(200)
  const text = await within(10_000, 'the end of the answer', response.text())
  expect(text).not.toContain(apiKey)
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  const events = [...text.matchAll(/^data: (\{.*\})$/gm)].map(
    // The server wrote these lines from events.
    ([, json = '']): AgentEvent => JSON.parse(json),
  )
  expectWellFormed(events)
  return { events, text }
}

/** Sends and reads like `useChat`. Returns the message that it would show. */
async function chat(url: string, messages: UIMessage[]): Promise<UIMessage> {
  const transport = new DefaultChatTransport({ api: `${url}/api/chat` })
  const stream = await transport.sendMessages({
    chatId: 'chat',
    messages,
    trigger: 'submit-message',
    messageId: undefined,
    abortSignal: undefined,
  })
  let last: UIMessage | undefined
  const reading = async () => {
    for await (const message of readUIMessageStream({ stream, terminateOnError: true })) {
      last = message
    }
  }
  await within(10_000, 'the end of the answer', reading())
  if (last === undefined) throw new Error('The client saw no message.')
  return last
}

const user = (id: string, text: string): UIMessage => ({
  id,
  role: 'user',
  parts: [{ type: 'text', text }],
})

describe.each(providers)('$name behind the server', ({ model }) => {
  test('a client receives text, calls and usage in each turn', async () => {
    const { mock } = await openStage()
    script(
      mock,
      'first',
      [{ ...calculates('1 + 1', '2 + 2'), reasoning: 'Hm.' }],
      [says('2 and 4.')],
    )
    script(mock, 'second', [calculates('40 + 2')], [says('It is 42.')])
    const { url } = await openServer(model, mock.url)
    const question = user('u1', 'My first question.')
    const first = await chat(url, [question])
    expect(first.parts.filter(({ type }) => type !== 'step-start')).toMatchObject([
      { type: 'reasoning', text: 'Hm.', state: 'done' },
      { type: 'tool-calculator', state: 'output-available', output: { result: 2 } },
      { type: 'tool-calculator', state: 'output-available', output: { result: 4 } },
      { type: 'text', text: '2 and 4.', state: 'done' },
    ])
    expect(first.metadata).toMatchObject({ usage: { totalTokens: 36 }, model, steps: 2 })
    const second = await chat(url, [question, first, user('u2', 'My second question.')])
    expect(second.parts.at(-1)).toMatchObject({ type: 'text', text: 'It is 42.' })
    expect(second.id).not.toBe(first.id)
    const asked = askedOf(mock)
    expectPairedCalls(asked)
    expect(asked.at(-1)?.filter(({ role }) => role === 'tool')).toHaveLength(3)
  })

  test('a temporary failure is invisible to the client', async () => {
    const { mock } = await openStage()
    script(
      mock,
      'Hello',
      [{ error: { message: 'Not now.' }, status: 503 }],
      [says('Never seen.'), { chaos: { disconnectRate: 1 } }],
      [says('Late.'), { chaos: { latencyMs: 1000 } }],
      [says('Here I am.')],
    )
    const { url, log } = await openServer(model, mock.url)
    const { events } = await post(url, 'Hello?')
    expect(textOf(events)).toBe('Here I am.')
    expect(typesOf(events)).not.toContain('error')
    expect(log).toEqual([])
  })

  test('a permanent failure sends error, finish, [DONE]', async () => {
    const { mock } = await openStage()
    const failure: Reply = [{ error: { message: `Bad key ${apiKey}.` }, status: 500 }]
    script(mock, 'Hello', ...Array.from({ length: 1 + quickRetries.retries }, () => failure))
    const { url, log } = await openServer(model, mock.url)
    const { events } = await post(url, 'Hello?')
    expect(typesOf(events)).toEqual(['start', 'start-step', 'finish-step', 'error', 'finish'])
    expect(events.at(-2)).toMatchObject({
      errorText: /^The model answered with 500: .*\[redacted\]/,
    })
    expect(events.at(-1)).toMatchObject({
      finishReason: 'error',
      messageMetadata: { outcome: 'error' },
    })
    expect(log.join('\n')).toMatch(/^loom: model-failed: .*\[redacted\]/)
    expect(log.join('\n')).not.toMatch(/^\s+at /m)
    expect(log.join('\n')).not.toContain(apiKey)
  })

  test.each([
    ['?profile=v7', true],
    ['?profile=v6', false],
    ['', false],
  ])('an interrupted answer is repaired for a client of "%s"', async (query, resets) => {
    const { mock } = await openStage()
    const proxy = await openProxy(mock.url)
    proxy.faults.push(async (response, { events }) => {
      // This is after the middle, so that every protocol has sent some text.
      await begin(response, events.slice(0, Math.ceil(events.length * 0.6)).join(''))
      response.socket?.resetAndDestroy()
    })
    script(mock, 'Hello', [says('I was about to say that')], [says('Hello at last.')])
    mock.prependFixture({ match: { userMessage: 'cut off there' }, response: says(' I go on.') })
    const { url } = await openServer(model, proxy.url)
    const { events } = await post(url, 'Hello?', query)
    expect(typesOf(events).includes('reset-step')).toBe(resets)
    expect(textOf(events)).toMatch(resets ? /Hello at last\.$/ : /^I was.* I go on\.$/)
    expect(typesOf(events)).not.toContain('error')
  })

  test('an answer that breaks off repeatedly ends', async () => {
    const { mock } = await openStage()
    mock.on({}, says('I was about to say something.'), { truncateAfterChunks: 5, latency: 1 })
    const { url } = await openServer(model, mock.url)
    for (const query of ['', '?profile=v7']) {
      const { events } = await post(url, 'Hello?', query)
      expect(typesOf(events).slice(-2)).toEqual(['error', 'finish'])
      expect(events.at(-2)).toMatchObject({ errorText: /^The model/ })
    }
    expect(mock.getRequests()).toHaveLength(2 * (1 + quickRetries.retries))
  })
})
