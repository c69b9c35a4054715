/**
 * OpenAI's Responses API stores the items of an answer that completed, and refuses a request that names
 * any other item: github.com/vercel/ai/issues/8811, github.com/vercel/ai/issues/7099.
 */
import type { ServerResponse } from 'node:http'

import { jsonSchema, type ModelMessage } from 'ai'
import { describe, expect, test } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import type { AgentEvent } from '../../src/event.ts'
import { MessageFold, uiMessage } from '../../src/message-fold.ts'
import { createModels } from '../../src/model/resolve.ts'
import { run } from '../../src/runner.ts'
import { recover } from '../../src/session/recovery.ts'
import { modelMessagesOf } from '../../src/wire/conversation.ts'
import { type Body, type ProviderRequest, providerServer, refuse } from './provider-server.ts'

const look = {
  name: 'look',
  description: 'Looks.',
  inputSchema: jsonSchema({ type: 'object', properties: {} }),
  execute: () => 'seen',
}

const send = (response: ServerResponse, ...events: { type: string }[]) => {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  }
}
const responseOf = (count: number) => ({
  id: `resp_${count}`,
  object: 'response',
  created_at: 1_790_000_000,
  status: 'in_progress',
  model: 'gpt-5',
  output: [],
  usage: null,
  error: null,
})
const item = (output_index: number, item: object) => [
  { type: 'response.output_item.added', output_index, item },
  { type: 'response.output_item.done', output_index, item },
]
const thought = (count: number) => ({ id: `rs_${count}`, type: 'reasoning', summary: [] })
const answerStart = (count: number, text: string) => [
  { type: 'response.created', response: responseOf(count) },
  ...item(0, thought(count)),
  {
    type: 'response.output_item.added',
    output_index: 1,
    item: {
      id: `msg_${count}`,
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [],
    },
  },
  {
    type: 'response.output_text.delta',
    item_id: `msg_${count}`,
    output_index: 1,
    content_index: 0,
    delta: text,
  },
]
const completed = (count: number) => ({
  type: 'response.completed',
  response: {
    ...responseOf(count),
    status: 'completed',
    usage: {
      input_tokens: 1,
      output_tokens: 1,
      total_tokens: 2,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
  },
})
const wholeAnswer = (count: number, text: string) => [
  ...answerStart(count, text),
  {
    type: 'response.output_item.done',
    output_index: 1,
    item: {
      id: `msg_${count}`,
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text, annotations: [] }],
    },
  },
  completed(count),
]
const called = (count: number) => [
  { type: 'response.created', response: responseOf(count) },
  ...item(0, thought(count)),
  ...item(1, {
    id: `fc_${count}`,
    type: 'function_call',
    status: 'completed',
    call_id: `call_${count}`,
    name: 'look',
    arguments: '{}',
  }),
  completed(count),
]

const idsIn = (value: unknown): string[] =>
  [...new Set(JSON.stringify(value).match(/\b(?:rs|msg|fc)_\d/g))].sort()

async function openAi(
  answer: (request: ProviderRequest, response: ServerResponse, count: number) => unknown,
) {
  const server = await providerServer(answer)
  const models = createModels({
    environment: { OPENAI_BASE_URL: `${server.root}/v1`, OPENAI_API_KEY: 'x' },
  })
  const agent = defineAgent({
    name: 'tester',
    systemPrompt: 'Be short.',
    model: 'openai/gpt-5',
    tools: [look],
    retry: { retries: 2, initialDelayMs: 1 },
  })
  /** The result, and the message that the events of the run build. */
  const ask = async (messages: ModelMessage[], options: { signal?: AbortSignal } = {}) => {
    const events: AgentEvent[] = []
    const fold = new MessageFold({ id: 'a', role: 'assistant', parts: [] })
    const result = await run(agent, [...messages, { role: 'user', content: 'Hi' }], {
      models,
      recovery: 'continue',
      sink: (event) => {
        events.push(event)
        fold.add(event)
      },
      ...options,
    })
    return { result, events, message: fold.message }
  }
  return { ask, server }
}

describe('a reply of the Responses API that broke off', () => {
  test('a broken reply is never named by its items', async () => {
    const { ask, server } = await openAi((_, response, count) => {
      if (count === 1) {
        send(response, ...called(count))
        return response.end()
      }
      if (count === 2) {
        send(response, ...answerStart(count, 'One two'))
        // The client must read the start before the connection breaks.
        return setTimeout(() => response.destroy(), 50)
      }
      send(response, ...wholeAnswer(count, ' three'))
      return response.end()
    })
    const first = await ask([])
    expect(first.result.outcome).toBe('finished')
    expect(server.requests).toHaveLength(3)
    // The complete answer of the first step is still named: only its item holds its reasoning.
    expect(idsIn(server.requests[2]?.body['input'])).toEqual(['rs_1'])
    expect(JSON.stringify(server.requests[2]?.body['input'])).toContain('One two')
    await ask(first.result.messages)
    expect(idsIn(server.requests[3]?.body['input'])).not.toContain('rs_2')
    const stored = await modelMessagesOf([uiMessage(first.message)])
    expect(idsIn(stored)).toContain('rs_1')
    expect(idsIn(stored)).toContain('rs_3')
    expect(idsIn(stored)).not.toContain('rs_2')
    expect(idsIn(stored)).not.toContain('msg_2')
  })

  test('a broken reply is not named after its owner died', () => {
    const events: AgentEvent[] = [
      { type: 'start', messageId: 'a' },
      { type: 'start-step' },
      {
        type: 'text-start',
        id: 't',
        providerMetadata: { openai: { itemId: 'msg_1' } },
      },
      { type: 'text-delta', id: 't', delta: 'One' },
    ]
    const recovery = recover('a', [{ id: '1-0', events }], false)
    expect(recovery.events).toContainEqual({
      type: 'message-metadata',
      messageMetadata: { unstoredItems: { msg_1: true } },
    })
  })
})

const gone = [
  ["Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."],
  ["Item 'rs_1' of type 'reasoning' was provided without its required following item."],
  ["Item 'msg_1' of type 'message' was provided without its required 'reasoning' item: 'rs_1'."],
]

describe('an item that the Responses API does not have', () => {
  test.each(gone)('the content of a missing item is sent: %s', async (message) => {
    const isNamed = ({ input }: Body) => idsIn(input).includes('rs_1')
    let isGone = false
    const { ask, server } = await openAi(({ body }, response, count) => {
      if (isGone && isNamed(body)) {
        return refuse(response, 400, {
          error: { message, type: 'invalid_request_error', param: 'input' },
        })
      }
      send(response, ...wholeAnswer(count, 'Word.'))
      return response.end()
    })
    const { result } = await ask([])
    isGone = true
    const second = await ask(result.messages)
    expect(second.result.text).toBe('Word.')
    expect(JSON.stringify(server.requests[2]?.body['input'])).toContain('Word.')
    expect(server.requests).toHaveLength(3)
    await ask(second.result.messages)
    // The model remembers the missing items.
    expect(server.requests).toHaveLength(4)
  })
})
