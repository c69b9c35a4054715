/** Reasoning goes back with each call in its original form, wherever it was in the answer. */
import { jsonSchema, type ModelMessage } from 'ai'
import { describe, expect, test } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import { createModels } from '../../src/model/resolve.ts'
import { run } from '../../src/runner.ts'
import { type Body, chunk, providerServer, refuse, say, stream } from './provider-server.ts'
import { refusingModel } from './refusing-model.ts'

const calculator = {
  name: 'calculator',
  description: 'Calculates.',
  inputSchema: jsonSchema({ type: 'object', properties: { expr: { type: 'string' } } }),
  execute: () => '42',
}
const call = (index: number, more: object = {}) => ({
  index,
  id: `call_${index}`,
  type: 'function',
  function: { name: 'calculator', arguments: '{"expr":"6 * 7"}' },
  ...more,
})
const calls = (...made: object[]) => chunk({ tool_calls: made })

/** Two turns with a model that first makes calls. Returns the messages with calls of each later request. */
async function replayed(provider: string, modelId: string, answer: object[]): Promise<Body[][]> {
  const server = await providerServer((_, response, count) =>
    count === 1 ? stream(response, ...answer) : stream(response, ...say('It is 42.')),
  )
  const environment = { [`${provider.toUpperCase()}_BASE_URL`]: `${server.root}/v1` }
  const agent = defineAgent({
    name: 'tester',
    systemPrompt: 'Be short.',
    model: `${provider}/${modelId}`,
    tools: [calculator],
  })
  const models = createModels({ environment })
  const first = await run(agent, [{ role: 'user', content: 'What is 6 * 7?' }], { models })
  const later: ModelMessage[] = [...first.messages, { role: 'user', content: 'Sure?' }]
  await run(agent, later, { models })
  return server.requests
    .slice(1)
    .map(({ body }) => body['messages'].filter(({ tool_calls }: Body) => tool_calls))
}

const google = { extra_content: { google: { thought_signature: 'SIG' } } }
const vertex = { extra_content: { vertex: { thought_signature: 'SIG' } } }

/** ai.google.dev/gemini-api/docs/thought-signatures. The places are those of public reports. */
const places: Record<string, { deltas: object[]; back: object }> = {
  'with the call': { deltas: [calls(call(0, google))], back: google },
  'in a later delta of the call': {
    deltas: [calls(call(0)), calls({ index: 0, function: { arguments: '' }, ...google })],
    back: google,
  },
  'in a later delta without a function': {
    deltas: [calls(call(0)), calls({ index: 0, id: 'call_0', ...google })],
    back: google,
  },
  'in an earlier delta of the call': {
    deltas: [
      calls({ index: 0, id: 'call_0', ...google }),
      calls({ index: 0, function: { name: 'calculator', arguments: '{"expr":"6 * 7"}' } }),
    ],
    back: google,
  },
  'under the name of Vertex': { deltas: [calls(call(0, vertex))], back: vertex },
  'inside the function': {
    deltas: [
      calls({
        ...call(0),
        function: { name: 'calculator', arguments: '{}', thought_signature: 'SIG' },
      }),
    ],
    back: { function: { thought_signature: 'SIG' } },
  },
  'in fields of LiteLLM': {
    deltas: [calls(call(0, { provider_specific_fields: { thought_signature: 'SIG' } }))],
    back: { provider_specific_fields: { thought_signature: 'SIG' } },
  },
  'beside the text that came first': {
    deltas: [chunk({ content: 'Let me see.', ...google }), calls(call(0))],
    back: google,
  },
}

describe('a signature of Gemini', () => {
  test.each(Object.entries(places))(
    'a signature that came %s goes back',
    async (_, { deltas, back }) => {
      const request = await replayed('mock', 'gemini-3-flash', [...deltas, chunk({}, 'tool_calls')])
      expect(request).toHaveLength(2)
      for (const [message] of request) expect(message?.['tool_calls']).toMatchObject([back])
    },
  )

  test('a signature of two calls goes back with the first', async () => {
    const answer = [calls(call(0, google), call(1)), chunk({}, 'tool_calls')]
    for (const [message] of await replayed('mock', 'gemini-3-flash', answer)) {
      expect(message?.['tool_calls'][0]).toMatchObject(google)
      expect(message?.['tool_calls'][1]).not.toHaveProperty('extra_content')
    }
  })

  test('a signature of another route is replaced', async () => {
    const historyOf = (id: string, signature: string): ModelMessage[] => [
      { role: 'user', content: 'Go' },
      {
        role: 'assistant',
        content: [
          {
            type: 'tool-call',
            toolCallId: id,
            toolName: 'calculator',
            input: {},
            providerOptions: { google: { thoughtSignature: signature } },
          },
        ],
      },
      {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: id,
            toolName: 'calculator',
            output: { type: 'text', value: '42' },
          },
        ],
      },
      { role: 'user', content: 'And?' },
    ]
    const model = await refusingModel({
      agent: { model: 'mock/gemini-3-flash', tools: [calculator] },
      // docs.apiyi.com/en/faq/gemini-thought-signature-missing
      refusal: (body) =>
        JSON.stringify(body['messages']).includes('"BAD"')
          ? 'Corrupted thought signature.'
          : undefined,
    })
    await model.ask(historyOf('call_1', 'BAD'))
    expect(model.refused).toHaveLength(1)
    await model.ask([...historyOf('call_1', 'BAD'), ...historyOf('call_2', 'GOOD')])
    expect(model.refused).toHaveLength(1)
    const request = JSON.stringify(model.taken.at(-1))
    expect(request).toContain('skip_thought_signature_validator')
    expect(request).toContain('"GOOD"')
  })
})

/** openrouter.ai/docs/guides/best-practices/reasoning-tokens, "Preserving reasoning blocks". */
const encrypted = {
  type: 'reasoning.encrypted',
  data: 'c2lnbmVk',
  format: 'google-gemini-v1',
  id: 'call_0',
  index: 0,
}
const text = (piece: string, more: object = {}) => ({
  type: 'reasoning.text',
  text: piece,
  index: 0,
  format: 'anthropic-claude-v1',
  ...more,
})
const summary = (piece: string) => ({ type: 'reasoning.summary', summary: piece, index: 0 })

const forms: Record<string, { deltas: object[]; back: object[] }> = {
  'encrypted, with the call': {
    deltas: [chunk({ tool_calls: [call(0)], reasoning_details: [encrypted] })],
    back: [encrypted],
  },
  'a text in pieces, its signature last': {
    deltas: [
      chunk({ reasoning: 'Cal', reasoning_details: [text('Cal')] }),
      chunk({ reasoning: 'culate.', reasoning_details: [text('culate.')] }),
      chunk({ reasoning_details: [text('', { signature: 'SIG' })] }),
      calls(call(0)),
    ],
    back: [text('Calculate.', { signature: 'SIG' })],
  },
  'a summary in pieces': {
    deltas: [
      chunk({ reasoning_details: [summary('Cal')] }),
      chunk({ reasoning_details: [summary('culate.')] }),
      calls(call(0)),
    ],
    back: [summary('Calculate.')],
  },
  'a text, then an encrypted block': {
    deltas: [
      chunk({ reasoning: 'Calculate.', reasoning_details: [text('Calculate.')] }),
      chunk({ tool_calls: [call(0)], reasoning_details: [encrypted] }),
    ],
    back: [text('Calculate.'), encrypted],
  },
  'two texts of their own index': {
    deltas: [
      chunk({ reasoning_details: [text('One.'), text('Two.', { index: 1 })] }),
      calls(call(0)),
    ],
    back: [text('One.'), text('Two.', { index: 1 })],
  },
  'a future kind': {
    deltas: [chunk({ reasoning_details: [{ type: 'reasoning.new', data: 'x' }] }), calls(call(0))],
    back: [{ type: 'reasoning.new', data: 'x' }],
  },
}

describe('reasoning_details of OpenRouter', () => {
  test.each(Object.entries(forms))(
    'reasoning_details go back unchanged: %s',
    async (_, { deltas, back }) => {
      const answer = [...deltas, chunk({}, 'tool_calls')]
      const request = await replayed('openrouter', 'google/gemini-3-pro-preview', answer)
      expect(request).toHaveLength(2)
      for (const [message] of request) expect(message?.['reasoning_details']).toEqual(back)
    },
  )
})

/** An answer of Anthropic's API, as events. */
const anthropic = (id: string, blocks: object[], stop_reason: string) => [
  {
    type: 'message_start',
    message: {
      id,
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-6',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 5, output_tokens: 1 },
    },
  },
  ...blocks,
  {
    type: 'message_delta',
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: 5 },
  },
  { type: 'message_stop' },
]
const block = (index: number, content_block: object, ...deltas: object[]) => [
  { type: 'content_block_start', index, content_block },
  ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
  { type: 'content_block_stop', index },
]

describe('thinking of Anthropic', () => {
  const thoughts = [
    ...block(
      0,
      { type: 'thinking', thinking: '', signature: '' },
      { type: 'thinking_delta', thinking: 'Calculate.' },
      { type: 'signature_delta', signature: 'SIG1' },
    ),
    ...block(1, { type: 'redacted_thinking', data: 'SECRET' }),
    ...block(
      2,
      { type: 'tool_use', id: 'toolu_1', name: 'calculator', input: {} },
      { type: 'input_json_delta', partial_json: '{"expr":"6 * 7"}' },
    ),
  ]
  const text = block(0, { type: 'text', text: '' }, { type: 'text_delta', text: 'It is 42.' })

  async function conversation(
    refusal: (body: Body) => string | undefined,
    agent: { model?: string; extraBody?: { thinking: { type: string; budget_tokens: number } } },
    history: ModelMessage[] = [],
  ) {
    const server = await providerServer(({ body }, response) => {
      const message = refusal(body)
      if (message !== undefined) {
        return refuse(response, 400, {
          type: 'error',
          error: { type: 'invalid_request_error', message },
        })
      }
      const called = JSON.stringify(body['messages']).includes('tool_use')
      return stream(
        response,
        ...(called
          ? anthropic('msg_2', text, 'end_turn')
          : anthropic('msg_1', thoughts, 'tool_use')),
      )
    })
    const models = createModels({
      environment: { ANTHROPIC_BASE_URL: server.root, ANTHROPIC_API_KEY: 'x' },
    })
    const definition = defineAgent({
      name: 'tester',
      systemPrompt: 'Be short.',
      model: 'anthropic/claude-sonnet-4-6',
      tools: [calculator],
      retry: { retries: 0 },
      ...agent,
    })
    const ask = (messages: ModelMessage[]) =>
      run(definition, [...messages, { role: 'user', content: 'What is 6 * 7?' }], { models })
    const first = await ask(history)
    const second = await ask(first.messages)
    return { server, first, second }
  }

  test('thinking goes back signed, also in a later turn', async () => {
    const { server } = await conversation(() => undefined, {})
    for (const { body } of server.requests.slice(1)) {
      expect(JSON.stringify(body['messages'])).toContain('SIG1')
      expect(JSON.stringify(body['messages'])).toContain('SECRET')
    }
  })

  test('thinking with a refused signature is left out', async () => {
    // github.com/anthropics/claude-code: "Invalid `signature` in `thinking` block"
    const { server, second } = await conversation(
      ({ messages }) =>
        JSON.stringify(messages).includes('SIG1')
          ? 'messages.1.content.0: Invalid `signature` in `thinking` block'
          : undefined,
      {},
    )
    expect(second.text).toBe('It is 42.')
    expect(server.requests).toHaveLength(4)
  })

  test("thinking is not asked for in another model's step", async () => {
    const history: ModelMessage[] = [
      { role: 'user', content: 'Go' },
      {
        role: 'assistant',
        content: [{ type: 'tool-call', toolCallId: 'c1', toolName: 'calculator', input: {} }],
      },
    ]
    const { first, server } = await conversation(
      ({ thinking, messages }) =>
        thinking && messages.some(({ content }: Body) => content[0]?.type === 'tool_use')
          ? 'messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.'
          : undefined,
      { extraBody: { thinking: { type: 'enabled', budget_tokens: 1024 } } },
      history,
    )
    expect(first.text).toBe('It is 42.')
    expect(server.requests.map(({ body }) => body['thinking'] !== undefined)).toContain(true)
  })
})
