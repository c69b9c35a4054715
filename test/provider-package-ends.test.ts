/**
 * The ends of answers through the AI SDK's provider packages, which follow the rules of Loom's own client.
 * The streams are those of the providers' API references.
 */
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { runWithServer } from './fixtures/run-with-server.ts'
import { eventStream, writeAlone } from './fixtures/upstream.ts'
import { ofType } from './recorded-run.ts'

type Json = Record<string, unknown>

const event = (value: Json) =>
  (typeof value['type'] === 'string' ? `event: ${value['type']}\n` : '') +
  `data: ${JSON.stringify(value)}\n\n`

interface Wire {
  model: string
  environment: (root: string) => Record<string, string>
  /** The start of an answer: half of its text. */
  begin: string
  /** The second half, up to the event with the finish reason. */
  end: string
  /** A sign of life without content. */
  ping: string
  /** A call of the tool `read` without its arguments, cut off by the length of the answer. */
  cutCall?: string
}

const anthropicStart = event({
  type: 'message_start',
  message: {
    id: 'm',
    type: 'message',
    role: 'assistant',
    model: 'claude',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 5, output_tokens: 1 },
  },
})
const anthropicEnd = (reason: string) =>
  event({ type: 'content_block_stop', index: 0 }) +
  event({
    type: 'message_delta',
    delta: { stop_reason: reason, stop_sequence: null },
    usage: { output_tokens: 5 },
  })
const anthropicBlock = (block: Json) =>
  anthropicStart + event({ type: 'content_block_start', index: 0, content_block: block })
const anthropicText = (text: string) =>
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })

const gemini = (parts: Json[], more: Json = {}) =>
  `data: ${JSON.stringify({ candidates: [{ content: { role: 'model', parts }, index: 0, ...more }] })}\n\n`

const anthropicEnvironment = (root: string) => ({
  ANTHROPIC_BASE_URL: root,
  ANTHROPIC_API_KEY: 'x',
})
const googleEnvironment = (root: string) => ({ GOOGLE_BASE_URL: root, GOOGLE_API_KEY: 'x' })
const openAIEnvironment = (root: string) => ({ OPENAI_BASE_URL: `${root}/v1`, OPENAI_API_KEY: 'x' })

const response = {
  id: 'r',
  object: 'response',
  created_at: 1_756_700_000,
  model: 'gpt',
  output: [],
  usage: { input_tokens: 5, output_tokens: 5, total_tokens: 10 },
}
const message = { type: 'message', id: 'i', role: 'assistant', status: 'in_progress', content: [] }
const responsesText = (text: string) =>
  event({
    type: 'response.output_text.delta',
    item_id: 'i',
    output_index: 0,
    content_index: 0,
    delta: text,
  })
const functionCall = { type: 'function_call', id: 'f', call_id: 'c', name: 'read', arguments: '' }

const wires: Record<string, Wire> = {
  Anthropic: {
    model: 'anthropic/claude-sonnet-4-6',
    environment: anthropicEnvironment,
    begin: anthropicBlock({ type: 'text', text: '' }) + anthropicText('Hel'),
    end: anthropicText('lo') + anthropicEnd('end_turn'),
    ping: event({ type: 'ping' }),
    cutCall:
      anthropicBlock({ type: 'tool_use', id: 't', name: 'read', input: {} }) +
      anthropicEnd('max_tokens') +
      event({ type: 'message_stop' }),
  },
  'OpenAI, responses': {
    model: 'openai/gpt-5',
    environment: (root) => ({ OPENAI_BASE_URL: `${root}/v1`, OPENAI_API_KEY: 'x' }),
    begin:
      event({ type: 'response.created', response: { ...response, usage: null } }) +
      event({ type: 'response.output_item.added', output_index: 0, item: message }) +
      responsesText('Hel'),
    end:
      responsesText('lo') +
      event({ type: 'response.output_item.done', output_index: 0, item: message }) +
      event({ type: 'response.completed', response }),
    ping: ': ping\n\n',
    cutCall:
      event({ type: 'response.created', response: { ...response, usage: null } }) +
      event({ type: 'response.output_item.added', output_index: 0, item: functionCall }) +
      event({
        type: 'response.output_item.done',
        output_index: 0,
        item: { ...functionCall, status: 'incomplete' },
      }) +
      event({
        type: 'response.incomplete',
        response: { ...response, incomplete_details: { reason: 'max_output_tokens' } },
      }),
  },
  Google: {
    model: 'google/gemini-3-flash-preview',
    environment: googleEnvironment,
    begin: gemini([{ text: 'Hel' }]),
    end: gemini([{ text: 'lo' }], { finishReason: 'STOP' }),
    ping: ': ping\n\n',
    // Gemini sends a call complete or not at all.
  },
}

const ends: Record<string, (response: ServerResponse) => void> = {
  'breaks the connection': (response) => {
    setImmediate(() => response.destroy())
  },
  'stays open': () => {},
}

describe.each(Object.entries(wires))('%s', (_, { model, environment, begin, end, ping }) => {
  it.each(Object.entries(ends))(
    'an answer is complete if, after its end, the server %s',
    async (_, leave) => {
      const run = await runWithServer(
        ({ response }) => {
          eventStream(response).write(begin + end)
          leave(response)
        },
        { model, environment },
      )
      expect(run.error).toBeUndefined()
      expect(run.result).toMatchObject({ text: 'Hello', finishReason: 'stop' })
      expect(run.asked).toHaveLength(1)
    },
  )

  it('an answer that breaks off before its end is repeated', async () => {
    const { asked, result } = await runWithServer(
      ({ response, number }) => {
        // The first answer breaks off inside an event.
        eventStream(response).write(begin + (number === 1 ? end.slice(0, 40) : end))
        setImmediate(() => response.destroy())
      },
      { model, environment },
    )
    expect(asked).toHaveLength(2)
    expect(result.text).toBe('Hello')
  })

  it('signs of life keep an answer alive', async () => {
    const { asked, result } = await runWithServer(
      async ({ response }) => {
        eventStream(response).write(begin)
        // Together longer than the limit on silence.
        for (let beat = 0; beat < 10; beat++) {
          await delay(200)
          response.write(ping)
        }
        response.end(end)
      },
      { model, environment, limits: { firstChunkMs: 1200, nextChunkMs: 1200 } },
    )
    expect(result.text).toBe('Hello')
    expect(asked).toHaveLength(1)
  })
})

it('unknown events, blocks and deltas of Anthropic are ignored', async () => {
  const unknownDelta = { type: 'content_block_delta', index: 0, delta: { type: 'new_delta' } }
  const unknownBlock =
    event({ type: 'content_block_start', index: 1, content_block: { type: 'new_block' } }) +
    event({ type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'x' } }) +
    event({ type: 'content_block_stop', index: 1 })
  const { asked, result } = await runWithServer(
    ({ response }) => {
      eventStream(response).end(
        anthropicBlock({ type: 'text', text: '' }) +
          event({ type: 'new_event' }) +
          event(unknownDelta) +
          anthropicText('Hello') +
          event({ type: 'content_block_stop', index: 0 }) +
          unknownBlock +
          event({ type: 'message_delta', delta: { stop_reason: 'end_turn' } }) +
          event({ type: 'message_stop' }),
      )
    },
    { model: 'anthropic/claude-sonnet-4-6', environment: anthropicEnvironment },
  )
  expect(result).toMatchObject({ text: 'Hello', finishReason: 'stop' })
  expect(asked).toHaveLength(1)
})

const wholeResponse = {
  id: 'r',
  object: 'response',
  status: 'completed',
  output: [
    {
      id: 'm',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Hello' }],
    },
  ],
  usage: { input_tokens: 3, output_tokens: 2 },
}
const responsesStart =
  event({ type: 'response.created', response: { id: 'r', created_at: 1, model: 'gpt-5' } }) +
  event({
    type: 'response.output_item.added',
    output_index: 0,
    item: { id: 'm', type: 'message' },
  }) +
  event({ type: 'response.output_text.delta', item_id: 'm', delta: 'Hello' })
const responsesEnd = (status: string, more: Json = {}) =>
  event({ type: `response.${status}`, response: { ...wholeResponse, status, ...more } })

it.each([
  ['sends an event without a type', responsesStart + event({}) + responsesEnd('completed'), 'stop'],
  ['sends the output with the end alone', responsesEnd('completed'), 'stop'],
  ['gives no reason for its end', responsesStart + responsesEnd('incomplete'), 'other'],
  [
    'gives null as the reason for its end',
    responsesStart + responsesEnd('incomplete', { incomplete_details: { reason: null } }),
    'other',
  ],
])('OpenAI is read to its end where it %s', async (_, wire, finishReason) => {
  const { asked, result } = await runWithServer(
    ({ response }) => void eventStream(response).end(wire),
    { model: 'openai/gpt-5', environment: openAIEnvironment },
  )
  expect(result).toMatchObject({ text: 'Hello', finishReason })
  expect(asked).toHaveLength(1)
})

const anthropicMessage = {
  id: 7,
  type: 'message',
  role: 'assistant',
  model: 'claude',
  content: [
    { type: 'thinking', thinking: 'Hm', signature: 's' },
    { type: 'text', text: 'Hello' },
  ],
  stop_reason: 'end_turn',
}
const geminiAnswer = (text: string, more: Json = {}) => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }],
})

it('Anthropic may leave out the usage and types of events, and number its messages', async () => {
  const { asked, result } = await runWithServer(
    ({ response }) => {
      const { content: _, ...start } = anthropicMessage
      eventStream(response).end(
        event({ type: 'message_start', message: { ...start, content: [], stop_reason: null } }) +
          event({}) +
          event({
            type: 'content_block_start',
            index: 0,
            content_block: { type: 'text', text: '' },
          }) +
          anthropicText('Hello') +
          event({ usage: {} }) +
          anthropicEnd('end_turn') +
          event({ type: 'message_stop' }),
      )
    },
    { model: 'anthropic/claude-sonnet-4-6', environment: anthropicEnvironment },
  )
  expect(result).toMatchObject({ text: 'Hello', finishReason: 'stop' })
  expect(asked).toHaveLength(1)
})

it.each([
  ['anthropic/claude-sonnet-4-6', anthropicEnvironment, anthropicMessage],
  [
    'google/gemini-3-flash-preview',
    googleEnvironment,
    geminiAnswer('Hello', { finishReason: 'STOP' }),
  ],
  ['openai/gpt-5', openAIEnvironment, wholeResponse],
  [
    'google/gemini-3-flash-preview',
    googleEnvironment,
    [geminiAnswer('Hel'), geminiAnswer('lo', { finishReason: 'STOP' })],
  ],
])(
  'an answer in JSON in place of an event stream is read: %s %#',
  async (model, environment, answer) => {
    const { asked, result } = await runWithServer(
      ({ response }) => {
        const json = JSON.stringify(answer)
        response.writeHead(200, { 'content-type': 'application/json' }).write(json.slice(0, 40))
        response.end(json.slice(40))
      },
      { model, environment },
    )
    expect(result).toMatchObject({ text: 'Hello', finishReason: 'stop' })
    expect(asked).toHaveLength(1)
  },
)

it.each(Object.entries(wires))(
  'a stream under another content type is finished at its finish reason: %s',
  async (_, { model, environment, begin, end }) => {
    const { asked, result } = await runWithServer(
      async ({ response }) => {
        await writeAlone(response.writeHead(200, { 'content-type': 'text/plain' }), begin)
        response.write(end)
        setImmediate(() => response.destroy())
      },
      { model, environment },
    )
    expect(result.text).toBe('Hello')
    expect(asked).toHaveLength(1)
  },
)

it('Google is read on after FINISH_REASON_UNSPECIFIED', async () => {
  const { asked, result } = await runWithServer(
    async ({ response }) => {
      const unspecified = { finishReason: 'FINISH_REASON_UNSPECIFIED' }
      eventStream(response).write(gemini([{ text: 'Hel' }], unspecified))
      // Longer than the wait for the rest of a complete answer.
      await delay(1500)
      response.end(gemini([{ text: 'lo' }], { finishReason: 'STOP' }))
    },
    { model: 'google/gemini-3-flash-preview', environment: googleEnvironment },
  )
  expect(result.text).toBe('Hello')
  expect(asked).toHaveLength(1)
})

it('Google is read to its end where it sends a reason with each piece', async () => {
  const { asked, result } = await runWithServer(
    async ({ response }) => {
      eventStream(response)
      for (const text of ['H', 'e', 'l', 'lo']) {
        response.write(gemini([{ text }], { finishReason: 'STOP' }))
        // Together longer than the wait for the rest of a complete answer.
        await delay(500)
      }
      response.end()
    },
    { model: 'google/gemini-3-flash-preview', environment: googleEnvironment },
  )
  expect(result.text).toBe('Hello')
  expect(asked).toHaveLength(1)
})

const cutCalls = Object.entries(wires).filter(([, { cutCall }]) => cutCall !== undefined)

it.each(cutCalls)('a cut-off call does not run: %s', async (_, wire) => {
  const { model, environment, begin, end, cutCall = '' } = wire
  const { ran, asked, events } = await runWithServer(
    ({ response, isAfterTool }) => {
      eventStream(response).end(isAfterTool ? begin + end : cutCall)
    },
    { model, environment },
  )
  expect(ran).toEqual([])
  const [error] = ofType(events, 'tool-input-error')
  expect(error?.errorText).toMatch(/length limit/)
  expect(asked[1]).toContain(error?.errorText)
})
