/** If a model refuses a field of the request, the request is repeated without it or with another form. */
import type { JSONObject } from '@ai-sdk/provider'
import { jsonSchema } from 'ai'
import { describe, expect, test } from 'vitest'

import { type AgentDefinition, defineAgent } from '../../src/agent.ts'
import { createModels } from '../../src/model/resolve.ts'
import { run } from '../../src/runner.ts'
import { type Body, providerServer, refuse, say, stream } from './provider-server.ts'

const invalid = (message: string, param: string | null = null) => ({
  error: { message, type: 'invalid_request_error', param, code: null },
})

interface Case {
  name: string
  agent?: Partial<AgentDefinition>
  messages?: Parameters<typeof run>[1]
  status?: number
  /** The refusal of a body, or undefined if it is accepted. */
  refusal: (body: Body) => unknown
}

const look = {
  name: 'look',
  description: 'Looks.',
  strict: true,
  inputSchema: jsonSchema({
    type: 'object',
    properties: { day: { type: 'string', const: 'today' } },
    $schema: 'http://json-schema.org/draft-07/schema#',
    additionalProperties: false,
  }),
  execute: () => 'seen',
}
const history: Case['messages'] = [
  { role: 'user', content: 'Look' },
  {
    role: 'assistant',
    content: [{ type: 'tool-call', toolCallId: 'c1', toolName: 'look', input: {} }],
  },
  {
    role: 'tool',
    content: [
      {
        type: 'tool-result',
        toolCallId: 'c1',
        toolName: 'look',
        output: { type: 'text', value: 'seen' },
      },
    ],
  },
  { role: 'user', content: 'And?' },
]
const extra = (extraBody: JSONObject): Partial<AgentDefinition> => ({ extraBody })
const schemaOf = (body: Body) => JSON.stringify(body['tools'] ?? null)

const cases: Case[] = [
  {
    name: 'stream_options, named by FastAPI',
    status: 422,
    refusal: ({ stream_options }) =>
      stream_options && {
        detail: [
          {
            type: 'extra_forbidden',
            loc: ['body', 'stream_options'],
            msg: 'Extra inputs are not permitted',
            input: stream_options,
          },
        ],
      },
  },
  {
    name: 'temperature, where one value alone is taken',
    agent: { temperature: 0.3 },
    refusal: ({ temperature }) =>
      temperature !== undefined && invalid('invalid temperature: only 1 is allowed for this model'),
  },
  {
    name: 'several fields, one refusal at a time',
    agent: { temperature: 0.3, ...extra({ top_p: 0.5, parallel_tool_calls: false }) },
    refusal: (body) => {
      const bad = ['temperature', 'top_p', 'parallel_tool_calls', 'stream_options'].find(
        (field) => body[field] !== undefined,
      )
      return (
        bad && invalid(`Unsupported parameter: '${bad}' is not supported with this model.`, bad)
      )
    },
  },
  {
    name: 'max_tokens, where max_completion_tokens is taken',
    agent: { maxOutputTokens: 500 },
    refusal: ({ max_tokens, max_completion_tokens }) =>
      max_completion_tokens !== 500 &&
      invalid(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        max_tokens === undefined ? null : 'max_tokens',
      ),
  },
  {
    name: 'max_tokens, where it is greater than the model gives',
    agent: { maxOutputTokens: 9000 },
    refusal: ({ max_tokens }) =>
      max_tokens !== 4096 &&
      invalid(
        'max_tokens is too large: 9000. This model supports at most 4096 completion tokens, whereas you provided 9000.',
      ),
  },
  {
    name: 'max_tokens, with the greatest value in backticks',
    agent: { maxOutputTokens: 9000 },
    refusal: ({ max_tokens }) =>
      max_tokens !== 2048 &&
      invalid(
        '`max_tokens` must be less than or equal to `2048`, the maximum value for `max_tokens` is less than the `context_window` for this model',
      ),
  },
  {
    name: 'max_tokens, in words',
    agent: { maxOutputTokens: 9000 },
    refusal: ({ max_tokens }) =>
      max_tokens !== 4096 &&
      invalid(
        'The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.',
      ),
  },
  {
    name: 'temperature, at the beginning of a sentence',
    agent: { temperature: 0.3 },
    refusal: ({ temperature }) =>
      temperature !== undefined && invalid('Temperature must be in the range (0, 0.2].'),
  },
  {
    name: 'a field in words',
    agent: extra({ parallel_tool_calls: true }),
    refusal: ({ parallel_tool_calls }) =>
      parallel_tool_calls !== undefined &&
      invalid('Parallel tool calls are not supported by this model.'),
  },
  {
    name: 'tool_choice, in thinking mode',
    agent: { tools: [look], ...extra({ tool_choice: 'required' }) },
    refusal: ({ tool_choice }) =>
      tool_choice === 'required' &&
      invalid("tool_choice 'required' is incompatible with thinking enabled"),
  },
  {
    name: 'a value of reasoning_effort',
    agent: extra({ reasoning_effort: 'minimal' }),
    refusal: ({ reasoning_effort }) =>
      reasoning_effort !== undefined &&
      invalid(
        "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model.",
        'reasoning_effort',
      ),
  },
  {
    name: 'a field inside a field',
    agent: extra({ reasoning: { effort: 'low', summary: 'auto' } }),
    refusal: ({ reasoning }) =>
      reasoning?.effort !== undefined &&
      invalid("Unsupported parameter: 'reasoning.effort' is not supported with this model."),
  },
  {
    name: 'a field whose name is an English word',
    agent: extra({ stop: ['END'], seed: 7 }),
    refusal: ({ stop }) => stop && invalid('This model does not support `stop`.'),
  },
  {
    name: 'a refusal that a gateway hands on as text',
    agent: extra({ logit_bias: {} }),
    refusal: ({ logit_bias }) =>
      logit_bias && {
        error: {
          message: 'Provider returned error',
          code: 400,
          metadata: { raw: JSON.stringify(invalid('Unknown field', 'logit_bias')) },
        },
      },
  },
  {
    name: 'strict tools',
    agent: { tools: [look] },
    refusal: (body) =>
      schemaOf(body).includes('"strict"') &&
      invalid('tools.0.function.strict: Extra inputs are not permitted'),
  },
  {
    name: 'keywords of a tool schema',
    agent: { tools: [look] },
    refusal: (body) => {
      const bad = ['$schema', 'additionalProperties', 'const'].find((keyword) =>
        schemaOf(body).includes(`"${keyword}"`),
      )
      return (
        bad &&
        invalid(
          `Invalid JSON payload received. Unknown name "${bad}" at 'tools[0].function_declarations[0].parameters': Cannot find field.`,
        )
      )
    },
  },
  {
    name: 'null as the content of a message with calls',
    messages: history,
    refusal: ({ messages }) =>
      messages.some(({ content }: Body) => content === null) &&
      invalid('messages.2.content: Input should be a valid string'),
  },
  {
    name: 'a list of texts as content',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'One.' },
          { type: 'text', text: 'Two.' },
        ],
      },
    ],
    refusal: ({ messages }) =>
      messages.some(({ content }: Body) => Array.isArray(content)) &&
      invalid(
        'Failed to deserialize the JSON body into the target type: messages[1].content: invalid type: sequence, expected a string',
      ),
  },
  {
    name: 'a call without a thought, from another model',
    messages: history,
    refusal: ({ messages }) =>
      messages.some(
        ({ tool_calls, reasoning_content }: Body) => tool_calls && reasoning_content === undefined,
      ) && invalid('The `reasoning_content` in the thinking mode must be passed back to the API.'),
  },
  {
    name: 'a call without a signature, from another model',
    messages: history,
    refusal: ({ messages }) =>
      messages.some(({ tool_calls }: Body) => tool_calls && !tool_calls[0].extra_content) &&
      invalid('Function call is missing a thought_signature in functionCall parts.'),
  },
]

describe('a refused field', () => {
  test.each(cases)('a refused field: $name', async ({ agent, messages, status = 400, refusal }) => {
    let refusals = 0
    const server = await providerServer(({ body }, response) => {
      const refused = refusal(body)
      if (!refused) return stream(response, ...say('Hello'))
      refusals++
      return refuse(response, status, refused)
    })
    const models = createModels({ environment: { MOCK_BASE_URL: `${server.root}/v1` } })
    const ask = () =>
      run(
        defineAgent({ name: 'tester', systemPrompt: 'Be short.', model: 'mock/m', ...agent }),
        messages ?? [{ role: 'user', content: 'Hi' }],
        { models },
      )
    expect((await ask()).text).toBe('Hello')
    const learnt = refusals
    expect(learnt).toBeGreaterThan(0)
    expect((await ask()).text).toBe('Hello')
    // The second request has the accepted form from the start.
    expect(refusals).toBe(learnt)
  })

  test('only a refused value is left out', async () => {
    const server = await providerServer(({ body }, response) =>
      body['reasoning_effort'] === 'minimal'
        ? refuse(response, 400, invalid("'reasoning_effort' does not support 'minimal'."))
        : stream(response, ...say('Hello')),
    )
    const models = createModels({ environment: { MOCK_BASE_URL: `${server.root}/v1` } })
    for (const reasoning_effort of ['minimal', 'high']) {
      const agent = defineAgent({
        name: 'tester',
        systemPrompt: '',
        model: 'mock/m',
        extraBody: { reasoning_effort },
      })
      await run(agent, [{ role: 'user', content: 'Hi' }], { models })
    }
    expect(server.requests.at(-1)?.body['reasoning_effort']).toBe('high')
  })

  test('a field is sent again if leaving it out did not help', async () => {
    const server = await providerServer((_, response, count) =>
      count <= 2
        ? refuse(
            response,
            400,
            invalid('The temperature of the data centre is too high.', 'temperature'),
          )
        : stream(response, ...say('Hello')),
    )
    const models = createModels({ environment: { MOCK_BASE_URL: `${server.root}/v1` } })
    const agent = defineAgent({
      name: 'tester',
      systemPrompt: '',
      model: 'mock/m',
      temperature: 0.3,
    })
    const ask = () => run(agent, [{ role: 'user', content: 'Hi' }], { models })
    await expect(ask()).rejects.toThrow('data centre')
    await ask()
    expect(server.requests.map(({ body }) => body['temperature'])).toEqual([0.3, undefined, 0.3])
  })

  test('a field that the request needs is not left out', async () => {
    const server = await providerServer((_, response) =>
      refuse(response, 400, invalid('gemma does not support tools', 'tools')),
    )
    const models = createModels({ environment: { MOCK_BASE_URL: `${server.root}/v1` } })
    const agent = defineAgent({ name: 'tester', systemPrompt: '', model: 'mock/m', tools: [look] })
    const failed = run(agent, [{ role: 'user', content: 'Hi' }], { models })
    await expect(failed).rejects.toThrow('gemma does not support tools')
    expect(server.requests).toHaveLength(1)
  })

  test.each([
    ['anthropic', 'claude-sonnet-4-5', 'temperature: Extra inputs are not permitted'],
    ['openai', 'gpt-4o', "Unsupported parameter: 'temperature' is not supported with this model."],
    ['google', 'gemini-2.5-flash', "Invalid value at 'generation_config.temperature'"],
  ])('a field is also left out through the package of %s', async (provider, modelId, message) => {
    const server = await providerServer(({ body }, response) => {
      const asked = body['temperature'] ?? body['generationConfig']?.temperature
      return asked === undefined
        ? refuse(response, 403, {
            type: 'error',
            error: {
              type: 'permission_error',
              message: 'taken',
              code: 403,
              status: 'PERMISSION_DENIED',
            },
          })
        : refuse(response, 400, {
            type: 'error',
            error: {
              type: 'invalid_request_error',
              message,
              code: 400,
              status: 'INVALID_ARGUMENT',
            },
          })
    })
    const environment = {
      [`${provider.toUpperCase()}_BASE_URL`]: server.root,
      [`${provider.toUpperCase()}_API_KEY`]: 'x',
    }
    const agent = defineAgent({
      name: 'tester',
      systemPrompt: '',
      model: `${provider}/${modelId}`,
      temperature: 0.3,
    })
    const asked = run(agent, [{ role: 'user', content: 'Hi' }], {
      models: createModels({ environment }),
    })
    await expect(asked).rejects.toThrow('taken')
    expect(server.requests).toHaveLength(2)
  })
})
