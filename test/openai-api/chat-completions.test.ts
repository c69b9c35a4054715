/** The chat completions API through OpenAI's own client. */
import { Hono } from 'hono'
import OpenAI, { APIError } from 'openai'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionMessageParam,
  ChatCompletionTool,
} from 'openai/resources/chat/completions'
import type { Model } from 'openai/resources/models'
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import type { OpenAiModel } from '../../routes/openai/models.ts'
import type { Completion } from '../../routes/openai/whole-completion.ts'
import {
  type AgentDefinition,
  defineAgent,
  defineTool,
  Loom,
  openAiRoutes,
} from '../../src/index.ts'
import type { CompletionChunk } from '../../src/wire/frames/chat-completion.ts'
import { calls, says, type Script, type ScriptedModel, scriptedModel } from '../scripted-model.ts'
import { openServed, type Served } from '../sessions/served.ts'

interface Scene {
  client: OpenAI
  served: Served
  model: ScriptedModel
}

async function open(
  scripts: Script[],
  definition: Partial<AgentDefinition> = {},
  environment: Record<string, string> = {},
): Promise<Scene> {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent], environment)
  onTestFinished(() => served[Symbol.asyncDispose]())
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'any-key', maxRetries: 0 })
  return { client, served, model }
}

const user = (content: string): ChatCompletionMessageParam => ({ role: 'user', content })

const weather: ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'Returns the weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
    },
  },
}

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }) => a + b,
})

/** The prompt of a call, without its system message. */
const promptOf = ({ asked }: ScriptedModel, call: number) =>
  asked[call]?.prompt.filter(({ role }) => role !== 'system')

const rolesOf = (model: ScriptedModel, call: number) =>
  promptOf(model, call)?.map(({ role }) => role)

const failureOf = async (request: Promise<unknown>) => {
  const error: unknown = await request.catch((cause: unknown) => cause)
  if (!(error instanceof APIError)) throw new Error('The request did not fail as the API does.')
  const { status, code, type, param, message } = error
  return { status, code, type, param, message }
}

describe('the types', () => {
  it('are those of the client', () => {
    expectTypeOf<CompletionChunk>().toExtend<ChatCompletionChunk>()
    expectTypeOf<Completion>().toExtend<Pick<ChatCompletion, 'choices' | 'usage'>>()
    expectTypeOf<OpenAiModel>().toExtend<Model>()
  })
})

describe('the models', () => {
  it('are the agents', async () => {
    const { client } = await open([])
    const list = await client.models.list()
    expect(list.data).toMatchObject([{ id: 'tutor', object: 'model', owned_by: 'loom' }])
    expect(await client.models.retrieve('tutor')).toMatchObject({ id: 'tutor' })
    expect(await failureOf(client.models.retrieve('nobody').asResponse())).toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
  })
})

describe('a completion without a session', () => {
  it('is one object', async () => {
    const { client, served } = await open([says('Hello there.')])
    const answer = await client.chat.completions.create({ model: 'tutor', messages: [user('Hi')] })
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'tutor',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello there.', refusal: null },
          finish_reason: 'stop',
        },
      ],
    })
    expect(answer.usage?.total_tokens).toBe(
      (answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0),
    )
    expect(answer._request_id).toMatch(/./)
    await expect
      .poll(() => served.loom.sessions.list('', { limit: 10 }))
      .toMatchObject({ sessions: [] })
  })

  it('is a stream whose chunks the client assembles', async () => {
    const { client } = await open([says('Hello there.')])
    const stream = client.chat.completions.stream({
      model: 'tutor',
      messages: [user('Hi')],
      stream_options: { include_usage: true },
    })
    const deltas: string[] = []
    stream.on('content', (delta) => deltas.push(delta))
    const completion = await stream.finalChatCompletion()
    expect([deltas.join('')]).toEqual(['Hello there.'])
    expect(completion.choices[0]).toMatchObject({
      message: { content: 'Hello there.' },
      finish_reason: 'stop',
    })
    expect(completion.usage?.total_tokens).toBeGreaterThan(0)
  })

  it('has the texts of two steps as two paragraphs, and hides the tools of the agent', async () => {
    const scripts = [
      [...says('I add.').slice(0, -1), ...calls(['add', { a: 1, b: 2 }])],
      says('It is 3.'),
    ]
    for (const stream of [false, true]) {
      const { client } = await open(scripts, { tools: [add] })
      const text = stream
        ? await client.chat.completions
            .stream({ model: 'tutor', messages: [user('1 + 2?')] })
            .finalContent()
        : (await client.chat.completions.create({ model: 'tutor', messages: [user('1 + 2?')] }))
            .choices[0]?.message.content
      expect(text).toBe('I add.\n\nIt is 3.')
    }
  })

  it('sends the whole conversation and the instructions of the client to the model', async () => {
    const { client, model } = await open([says('Yes.')])
    await client.chat.completions.create({
      model: 'tutor',
      messages: [
        { role: 'system', content: 'Answer in one word.' },
        user('Is 2 even?'),
        { role: 'assistant', content: 'Yes.' },
        { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
        user('Is 4?'),
      ],
      temperature: 0.3,
      top_p: 0.5,
      max_tokens: 77,
      stop: 'END',
      seed: 7,
    })
    const [call] = model.asked
    expect(JSON.stringify(call?.prompt[0])).toMatch(/Teach\..*Answer in one word\..*Be kind\./)
    expect(rolesOf(model, 0)).toEqual(['user', 'assistant', 'user'])
    expect(call).toMatchObject({
      temperature: 0.3,
      topP: 0.5,
      maxOutputTokens: 77,
      stopSequences: ['END'],
      seed: 7,
    })
  })

  it('never shares a session with another one that says the same', async () => {
    const { client, model } = await open([says('One.'), says('Two.')])
    const ask = () =>
      client.chat.completions.create({ model: 'tutor', messages: [user('Say a number.')] })
    const [first, second] = [await ask(), await ask()]
    expect(first.id).not.toBe(second.id)
    expect(second.choices[0]?.message.content).toBe('Two.')
    expect(rolesOf(model, 1)).toEqual(['user'])
  })
})

describe('the tools of a client', () => {
  it.for([false, true])(
    'are called and answered without a session (stream: %s)',
    async (stream) => {
      const { client, model } = await open([
        calls(['weather', { city: 'Oslo' }]),
        says('It rains.'),
      ])
      const messages: ChatCompletionMessageParam[] = [user('The weather in Oslo?')]
      const create = async () => {
        const params = { model: 'tutor', messages, tools: [weather] }
        if (!stream) return client.chat.completions.create(params)
        return client.chat.completions.stream(params).finalChatCompletion()
      }
      const asked = await create()
      const message = asked.choices[0]?.message
      const [call] = message?.tool_calls ?? []
      expect(asked.choices[0]?.finish_reason).toBe('tool_calls')
      expect(call).toMatchObject({
        type: 'function',
        function: { name: 'weather', arguments: '{"city":"Oslo"}' },
      })
      if (message === undefined || call === undefined) throw new Error('no call')
      messages.push(message, { role: 'tool', tool_call_id: call.id, content: 'rain, 4 degrees' })
      const answer = await create()
      expect(answer.choices[0]).toMatchObject({
        message: { content: 'It rains.' },
        finish_reason: 'stop',
      })
      expect(rolesOf(model, 1)).toEqual(['user', 'assistant', 'tool'])
      expect(JSON.stringify(promptOf(model, 1)?.at(-1))).toContain('rain, 4 degrees')
    },
  )

  it('are run by the tool runner of the client', async () => {
    const { client } = await open([
      calls(['weather', { city: 'Oslo' }], ['weather', { city: 'Rome' }]),
      says('Rain and sun.'),
    ])
    const cities: string[] = []
    const runner = client.chat.completions.runTools({
      model: 'tutor',
      stream: true,
      messages: [user('The weather in Oslo and Rome?')],
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'Returns the weather',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            parse: JSON.parse,
            function: ({ city }: { city: string }) => {
              cities.push(city)
              return `weather of ${city}`
            },
          },
        },
      ],
    })
    expect(await runner.finalContent()).toBe('Rain and sun.')
    expect(cities).toEqual(['Oslo', 'Rome'])
  })

  it('cannot replace a tool of the agent', async () => {
    const { client } = await open([says('Hello.')], { tools: [add] })
    const tools: ChatCompletionTool[] = [{ type: 'function', function: { name: 'add' } }]
    const request = client.chat.completions.create({
      model: 'tutor',
      messages: [user('Hi')],
      tools,
    })
    expect(await failureOf(request)).toMatchObject({
      status: 400,
      message: expect.stringContaining('The agent has a tool of its own with the name "add"'),
    })
  })

  it('are chosen by tool_choice in the first step only', async () => {
    const { client, model } = await open([calls(['add', { a: 1, b: 2 }]), says('3')], {
      tools: [add],
    })
    await client.chat.completions.create({
      model: 'tutor',
      messages: [user('1 + 2?')],
      tool_choice: 'required',
    })
    expect(model.asked.map(({ toolChoice }) => toolChoice)).toEqual([
      { type: 'required' },
      undefined,
    ])
  })
})

describe('structured output', () => {
  const format = {
    type: 'json_schema' as const,
    json_schema: {
      name: 'city',
      strict: true,
      schema: {
        type: 'object',
        properties: { name: { type: 'string' }, people: { type: 'number' } },
        required: ['name', 'people'],
        additionalProperties: false,
      },
    },
  }

  it.for([false, true])('is the checked value, after a correction (stream: %s)', async (stream) => {
    const { client, model } = await open([
      says('{"name": "Oslo"}'),
      says('{"name": "Oslo", "people": 700000}'),
    ])
    const params = { model: 'tutor', messages: [user('Oslo?')], response_format: format }
    const { choices } = stream
      ? await client.chat.completions.stream(params).finalChatCompletion()
      : await client.chat.completions.create(params)
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ name: 'Oslo', people: 700_000 })
    expect(model.asked).toHaveLength(2)
  })

  it('may be any object', async () => {
    const { client } = await open([says('{"any": [1]}')])
    const { choices } = await client.chat.completions.create({
      model: 'tutor',
      messages: [user('JSON')],
      response_format: { type: 'json_object' },
    })
    expect(choices[0]?.message.content).toBe('{"any":[1]}')
  })
})

describe('content', () => {
  it('takes images, audio and files', async () => {
    const { client, model } = await open([says('A cat.')])
    await client.chat.completions.create({
      model: 'tutor',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
            { type: 'file', file: { filename: 'a.txt', file_data: 'data:text/plain;base64,SGk=' } },
          ],
        },
      ],
    })
    const [message] = promptOf(model, 0) ?? []
    const content = message?.role === 'user' ? message.content : []
    expect(content.map((part) => (part.type === 'file' ? part.mediaType : part.type))).toEqual([
      'text',
      'image/png',
      'audio/wav',
      // A text file is text in the prompt.
      'text',
    ])
  })

  it('refuses addresses of the private network, also in an earlier message', async () => {
    const { client } = await open([says('No.')])
    const image: ChatCompletionMessageParam = {
      role: 'user',
      content: [{ type: 'image_url', image_url: { url: 'http://127.0.0.1/secret.png' } }],
    }
    const answer: ChatCompletionMessageParam = { role: 'assistant', content: 'Nice.' }
    for (const messages of [[image], [image, answer, user('And?')]]) {
      const request = client.chat.completions.create({ model: 'tutor', messages })
      expect(await failureOf(request)).toMatchObject({ status: 400 })
    }
  })
})

describe('errors', () => {
  it('have the form of the API', async () => {
    const { client } = await open([], {}, { LOOM_API_KEYS: 'ada:a-long-secret' })
    const request = client.chat.completions.create({ model: 'tutor', messages: [user('Hi')] })
    expect(await failureOf(request)).toMatchObject({ status: 401, code: 'invalid_api_key' })
  })

  it.for([
    ['model', { model: 'nobody', messages: [user('Hi')] }, 404, 'model_not_found', null],
    ['messages', { model: 'tutor', messages: [] }, 400, null, 'messages'],
    ['n', { model: 'tutor', messages: [user('Hi')], n: 2 }, 400, null, 'n'],
    ['a role', { model: 'tutor', messages: [{ role: 'x' }] }, 400, null, 'messages[0].role'],
    [
      'a result without a call',
      {
        model: 'tutor',
        messages: [
          user('Hi'),
          { role: 'assistant', content: 'Hi' },
          { role: 'tool', tool_call_id: 'c', content: '' },
        ],
      },
      400,
      null,
      'messages[2].tool_call_id',
    ],
    [
      'the last message',
      { model: 'tutor', messages: [{ role: 'assistant', content: 'Hi' }] },
      400,
      null,
      'messages',
    ],
  ] as const)('name the wrong field: %s', async ([, body, status, code, param]) => {
    const { client } = await open([])
    const failure = await failureOf(client.post('/chat/completions', { body }))
    expect(failure).toMatchObject({ status, code, param, type: 'invalid_request_error' })
  })

  it('end a stream with an error that the client throws', async () => {
    const { client } = await open([new Error('The model is away.')], { retry: { retries: 0 } })
    const stream = client.chat.completions.stream({ model: 'tutor', messages: [user('Hi')] })
    expect((await failureOf(stream.finalContent())).message).toMatch(/model/i)
  })

  it('end a whole answer with a status', async () => {
    const { client } = await open([new Error('The model is away.')], { retry: { retries: 0 } })
    const request = client.chat.completions.create({ model: 'tutor', messages: [user('Hi')] })
    expect((await failureOf(request)).status).toBe(502)
  })

  it('of other routes keep their form for a session with the id v1', async () => {
    const { served } = await open([])
    const headers = { accept: 'application/json' }
    const response = await fetch(`${served.api}/v1/prompt`, { headers })
    expect(await response.json()).toEqual({
      error: { code: 'not-found', message: expect.any(String) },
    })
  })

  it('of mounted routes have the form of the API', async () => {
    const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: scriptedModel() })
    const loom = new Loom({ agents: [agent] })
    const app = new Hono().route('/ai', openAiRoutes(loom))
    const response = await app.request('/ai/models/nobody')
    expect(await response.json()).toMatchObject({ error: { code: 'model_not_found' } })
    await loom.close()
  })

  it('are those of the API for unknown paths and methods', async () => {
    const { client } = await open([])
    expect(await failureOf(client.get('/embeddings'))).toMatchObject({ status: 404 })
    expect(await failureOf(client.get('/chat/completions'))).toMatchObject({ status: 405 })
  })
})
