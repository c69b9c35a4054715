/** If a chat template or an API refuses an order of roles, it receives the messages in another order. */
import { jsonSchema, type ModelMessage } from 'ai'
import { describe, expect, test } from 'vitest'

import type { Body } from './provider-server.ts'
import { refusingModel } from './refusing-model.ts'

const rolesOf = ({ messages }: Body): string[] => messages.map(({ role }: Body) => role)
const followed = (body: Body, before: string, after: string) =>
  rolesOf(body).some((role, index, roles) => role === after && roles[index - 1] === before)

const user = (content: string): ModelMessage => ({ role: 'user', content })
const answer = (content: string): ModelMessage => ({ role: 'assistant', content })
const instruction: ModelMessage = { role: 'system', content: 'Use metres.' }
const toolTurn: ModelMessage[] = [
  user('Look'),
  {
    role: 'assistant',
    content: [{ type: 'tool-call', toolCallId: 'call_1', toolName: 'look', input: {} }],
  },
  {
    role: 'tool',
    content: [
      {
        type: 'tool-result',
        toolCallId: 'call_1',
        toolName: 'look',
        output: { type: 'text', value: 'seen' },
      },
    ],
  },
]
const isAlternating = (roles: string[]) =>
  roles.every((role, index) => role === (index % 2 === 0 ? 'user' : 'assistant'))

const cases: {
  name: string
  messages: ModelMessage[]
  text: string
  status?: number
  isBad: (body: Body) => boolean
}[] = [
  {
    // github.com/suitenumerique/conversations/issues/197 (Gemma 3 on vLLM)
    name: 'that wants user and assistant in turn',
    messages: [user('One'), user('Two'), answer('A'), answer('B'), user('Three')],
    text: 'Conversation roles must alternate user/assistant/user/assistant/...',
    isBad: (body) => !isAlternating(rolesOf(body)),
  },
  {
    // github.com/anomalyco/opencode/issues/5034 (llama.cpp answers with 500)
    name: 'that wants it after the instructions, with status 500',
    messages: [user('One'), user('Two'), instruction, user('Three')],
    text: 'After the optional system message, conversation roles must alternate user and assistant roles except for tool calls and results.',
    status: 500,
    isBad: (body) => !isAlternating(rolesOf(body).slice(1)),
  },
  {
    // ai.google.dev/gemma on the Gemini API
    name: 'of Gemma on the Gemini API, that takes no instructions',
    messages: [user('One')],
    text: 'Developer instruction is not enabled for models/gemma-3-27b-it',
    isBad: (body) => rolesOf(body).includes('system'),
  },
  {
    name: 'that knows no instructions, in the words of serde',
    messages: [user('One')],
    text: 'messages[0].role: unknown variant `system`, expected `user` or `assistant`',
    isBad: (body) => rolesOf(body).includes('system'),
  },
  {
    // github.com/peonist-ai/halogen-flash-server/issues/60 (Qwen)
    name: 'that wants one message of instructions, at the beginning',
    messages: [instruction, user('One'), answer('A'), instruction, user('Two')],
    text: 'chat template rejected the request: System message must be at the beginning.',
    isBad: (body) => rolesOf(body).lastIndexOf('system') > 0,
  },
  {
    // github.com/arcee-ai/fastmlx/issues/22 (Gemma 2)
    name: 'that knows no instructions',
    messages: [user('One')],
    text: 'System role not supported',
    isBad: (body) => rolesOf(body).includes('system'),
  },
  {
    // github.com/tailcallhq/forgecode/issues/1177 (o1-mini)
    name: 'that knows no instructions, in the words of OpenAI',
    messages: [user('One')],
    text: "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    isBad: (body) => rolesOf(body).includes('system'),
  },
  {
    // github.com/anomalyco/opencode/issues/5034 (Ministral 3)
    name: 'that takes instructions at the beginning alone',
    messages: [user('One'), answer('A'), instruction, user('Two')],
    text: 'Only user, assistant and tool roles are supported, got system.',
    status: 500,
    isBad: (body) => rolesOf(body).lastIndexOf('system') > 0,
  },
  {
    // mistral-common, validator.py
    name: 'that takes no user after a tool',
    messages: [...toolTurn, user('And?')],
    text: "Unexpected role 'user' after role 'tool'",
    isBad: (body) => followed(body, 'tool', 'user'),
  },
  {
    // mistral-common, validator.py
    name: 'that takes no instructions after an answer',
    messages: [user('One'), answer('A'), instruction, user('Two')],
    text: "Unexpected role 'system' after role 'assistant'",
    isBad: (body) => followed(body, 'assistant', 'system'),
  },
  {
    // Anthropic's API, for models without prefill
    name: 'that wants the user to speak last',
    messages: [user('One'), answer('A')],
    text: 'This model does not support assistant message prefill. The conversation must end with a user message.',
    isBad: (body) => rolesOf(body).at(-1) === 'assistant',
  },
  {
    name: 'that wants the user to speak first',
    messages: [answer('Welcome'), user('One')],
    text: 'First message must be from user.',
    isBad: (body) => rolesOf(body).filter((role) => role !== 'system')[0] === 'assistant',
  },
]

describe('a model', () => {
  test.each(cases)(
    'the messages get the required form: $name',
    async ({ messages, text, isBad, ...given }) => {
      const model = await refusingModel({
        ...given,
        messages,
        refusal: (body) => (isBad(body) ? text : undefined),
      })
      expect((await model.ask()).text).toBe('Hello')
      expect(model.refused.length).toBeGreaterThan(0)
      const { length } = model.refused
      expect((await model.ask()).text).toBe('Hello')
      // The second request has the accepted form from the start.
      expect(model.refused).toHaveLength(length)
      // Every text is still in the request.
      const request = JSON.stringify(model.taken.at(-1))
      for (const { content } of [...messages, { content: 'Be short.' }]) {
        if (typeof content === 'string') expect(request).toContain(content)
      }
    },
  )

  test('a model with single calls receives one call per step', async () => {
    const called = (toolCallId: string) =>
      ({ type: 'tool-call', toolCallId, toolName: 'look', input: {} }) as const
    const result = (toolCallId: string) =>
      ({
        type: 'tool-result',
        toolCallId,
        toolName: 'look',
        output: { type: 'text', value: toolCallId },
      }) as const
    const model = await refusingModel({
      messages: [
        user('Look'),
        { role: 'assistant', content: [called('a'), called('b')] },
        { role: 'tool', content: [result('b'), result('a')] },
        user('And?'),
      ],
      // The template of Llama 3.1
      refusal: ({ messages }) =>
        messages.some(({ tool_calls = [] }: Body) => tool_calls.length > 1)
          ? 'This model only supports single tool-calls at once!'
          : undefined,
    })
    expect((await model.ask()).text).toBe('Hello')
    const idsOf = (body: Body | undefined) =>
      body?.['messages'].map((message: Body) =>
        message['role'] === 'tool' ? message['content'] : message['role'],
      )
    // Results are in the order of their calls in every case.
    expect(idsOf(model.refused[0])).toEqual(['system', 'user', 'assistant', 'a', 'b', 'user'])
    expect(idsOf(model.taken[0])).toEqual([
      'system',
      'user',
      'assistant',
      'a',
      'assistant',
      'b',
      'user',
    ])
  })

  test('a model without reasoning is asked without an effort', async () => {
    const model = await refusingModel({
      agent: { extraBody: { reasoning_effort: 'high' } },
      refusal: ({ reasoning_effort: effort }) => effort && '"llama3" does not support thinking',
    })
    expect((await model.ask()).text).toBe('Hello')
  })

  test('a required tool name is sent with its result', async () => {
    const model = await refusingModel({
      messages: [...toolTurn, user('And?')],
      refusal: ({ messages }) =>
        messages.some(({ role, name }: Body) => role === 'tool' && name !== 'look')
          ? 'GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty.'
          : undefined,
      agent: {
        tools: [
          {
            name: 'look',
            description: 'Looks.',
            inputSchema: jsonSchema({ type: 'object', properties: {} }),
            execute: () => 'seen',
          },
        ],
      },
    })
    expect((await model.ask()).text).toBe('Hello')
  })
})
