/** The Responses API through OpenAI's own client. */
import { Hono } from 'hono'
import OpenAI, { APIError } from 'openai'
import { zodTextFormat } from 'openai/helpers/zod'
import type {
  FunctionTool,
  Response as OpenAiResponse,
  ResponseCreateParamsNonStreaming,
  ResponseOutputItem,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses'
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import type { ResponseObject } from '../../routes/openai/response-object.ts'
import {
  type AgentDefinition,
  defineAgent,
  defineTool,
  Loom,
  openAiRoutes,
} from '../../src/index.ts'
import type { OutputItem } from '../../src/wire/frames/response-items.ts'
import { connectionReset } from '../model-failures.ts'
import {
  calls,
  finish,
  says,
  type Script,
  type ScriptedModel,
  scriptedModel,
  words,
} from '../scripted-model.ts'
import { openServed, type Served } from '../sessions/served.ts'

interface Scene {
  client: OpenAI
  served: Served
  model: ScriptedModel
}

async function open(scripts: Script[], definition: Partial<AgentDefinition> = {}): Promise<Scene> {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent])
  onTestFinished(() => served[Symbol.asyncDispose]())
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'any-key', maxRetries: 0 })
  return { client, served, model }
}

const weather: FunctionTool = {
  type: 'function',
  name: 'weather',
  description: 'Returns the weather',
  strict: null,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }) => a + b,
})

const rolesOf = ({ asked }: ScriptedModel, call: number) =>
  asked[call]?.prompt.map(({ role }) => role).filter((role) => role !== 'system')

const failureOf = async (request: Promise<unknown>) => {
  const error: unknown = await request.catch((cause: unknown) => cause)
  if (!(error instanceof APIError)) throw new Error('The request did not fail as the API does.')
  const { status, code, type, param, message } = error
  return { status, code, type, param, message }
}

async function eventsOf(stream: AsyncIterable<ResponseStreamEvent>) {
  const events: ResponseStreamEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}

describe('the types', () => {
  it('are those of the client', () => {
    expectTypeOf<OutputItem>().toExtend<ResponseOutputItem>()
    expectTypeOf<ResponseObject>().toExtend<Omit<OpenAiResponse, 'output_text'>>()
  })
})

const numberOf = (event: ResponseStreamEvent) =>
  'sequence_number' in event ? event.sequence_number : undefined

describe('a response', () => {
  it('is one object, which the server keeps', async () => {
    const { client, served } = await open([says('Hello there.')])
    const metadata = { topic: 'greetings' }
    const response = await client.responses.create({ model: 'tutor', input: 'Hi', metadata })
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      model: 'tutor',
      error: null,
      incomplete_details: null,
      metadata,
      output_text: 'Hello there.',
      output: [
        {
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Hello there.', annotations: [] }],
        },
      ],
      usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
    })
    expect(response.id).toMatch(/^resp_[\w-]+$/)
    expect((await served.loom.sessions.list('', { limit: 10 })).sessions).toHaveLength(1)
    expect(await client.responses.retrieve(response.id)).toEqual({ ...response })
  })

  it('is a stream whose events the client assembles', async () => {
    const { client } = await open([says('Hello there.')])
    const stream = client.responses.stream({ model: 'tutor', input: 'Hi' })
    const deltas: string[] = []
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta))
    const response = await stream.finalResponse()
    expect(deltas.join('')).toBe('Hello there.')
    expect(response).toMatchObject({ status: 'completed', output_text: 'Hello there.' })
    expect(response.usage?.total_tokens).toBe(15)
  })

  it('has the documented events, with numbers from 0', async () => {
    const reasons = [
      { type: 'reasoning-start' as const, id: 'r' },
      { type: 'reasoning-delta' as const, id: 'r', delta: 'A greeting.' },
      { type: 'reasoning-end' as const, id: 'r' },
    ]
    const { client } = await open([[...reasons, ...says('Hello.')]])
    const events = await eventsOf(
      await client.responses.create({ model: 'tutor', input: 'Hi', stream: true }),
    )
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(events.map(numberOf)).toEqual(events.map((_, index) => index))
    const last = events.at(-1)
    expect(last?.type === 'response.completed' && last.response.output).toMatchObject([
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'A greeting.' }] },
      { type: 'message' },
    ])
  })

  it('passes the instructions and the settings of the client to the model', async () => {
    const { client, model } = await open([says('Yes.')])
    const response = await client.responses.create({
      model: 'tutor',
      instructions: 'Answer in one word.',
      input: [
        { role: 'developer', content: 'Be kind.' },
        { role: 'user', content: [{ type: 'input_text', text: 'Is 2 even?' }] },
      ],
      temperature: 0.3,
      top_p: 0.5,
      max_output_tokens: 77,
    })
    const [call] = model.asked
    expect(JSON.stringify(call?.prompt[0])).toMatch(/Teach\..*Answer in one word\..*Be kind\./)
    expect(call).toMatchObject({ temperature: 0.3, topP: 0.5, maxOutputTokens: 77 })
    expect(response).toMatchObject({
      instructions: 'Answer in one word.',
      temperature: 0.3,
      top_p: 0.5,
      max_output_tokens: 77,
    })
  })

  it('sends images and files to the model', async () => {
    const { client, model } = await open([says('A dot.')])
    const image_url = 'data:image/png;base64,iVBORw0KGgo='
    await client.responses.create({
      model: 'tutor',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is this?' },
            { type: 'input_image', detail: 'auto', image_url },
            { type: 'input_file', filename: 'a.txt', file_data: 'data:text/plain;base64,SGk=' },
          ],
        },
      ],
    })
    const content = model.asked[0]?.prompt.at(-1)?.content
    expect(content).toMatchObject([
      { type: 'text' },
      { type: 'file', mediaType: 'image/png' },
      { type: 'text', text: expect.stringContaining('Hi') },
    ])
  })

  it.for([
    ['length', { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }],
    ['content-filter', { status: 'incomplete', incomplete_details: { reason: 'content_filter' } }],
  ] as const)('that ends by %s is incomplete', async ([reason, expected]) => {
    const script = [...words('Hel'), { type: 'text-end' as const, id: 'txt-0' }, finish(reason)]
    const { client } = await open([script, script])
    const whole = await client.responses.create({ model: 'tutor', input: 'Hi' })
    expect(whole).toMatchObject(expected)
    const stream = await client.responses.create({ model: 'tutor', input: 'Hi', stream: true })
    const last = (await eventsOf(stream)).at(-1)
    expect(last).toMatchObject({ type: 'response.incomplete', response: expected })
  })

  it('that is not stored leaves nothing behind', async () => {
    const { client, served } = await open([says('Hello.')])
    const body = { model: 'tutor', input: 'Hi', store: false }
    const { id, output_text } = await client.responses.create(body)
    expect(output_text).toBe('Hello.')
    await expect
      .poll(() => served.loom.sessions.list('', { limit: 10 }))
      .toMatchObject({ sessions: [] })
    expect(await failureOf(client.responses.retrieve(id))).toMatchObject({ status: 404 })
  })

  it('that fails is an error, or the last event of a stream', async () => {
    const { client } = await open(
      [new Error('The model is away.'), new Error('The model is away.')],
      {
        retry: { retries: 0 },
      },
    )
    const failure = await failureOf(client.responses.create({ model: 'tutor', input: 'Hi' }))
    expect(failure).toMatchObject({ status: 502, type: 'server_error' })
    const stream = await client.responses.create({ model: 'tutor', input: 'Hi', stream: true })
    const last = (await eventsOf(stream)).at(-1)
    expect(last).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' } },
    })
    const id = last?.type === 'response.failed' ? last.response.id : ''
    expect(await client.responses.retrieve(id)).toMatchObject({ status: 'failed' })
  })
})

describe('a stream that is continued', () => {
  it('has every later event once, from any number', async () => {
    const { client } = await open(
      [[...says('I add.').slice(0, -1), ...calls(['add', { a: 1, b: 2 }])], says('It is 3.')],
      { tools: [add] },
    )
    const stream = await client.responses.create({ model: 'tutor', input: '1 + 2?', stream: true })
    const events = await eventsOf(stream)
    const [created] = events
    const id = created?.type === 'response.created' ? created.response.id : ''
    for (let after = 0; after < events.length; after++) {
      const rest = await eventsOf(
        await client.responses.retrieve(id, { stream: true, starting_after: after }),
      )
      const seen = rest.map((event) => ({ ...event, response: undefined }))
      const expected = events.slice(after + 1).map((event) => ({ ...event, response: undefined }))
      expect(seen).toEqual(expected)
    }
    const whole = client.responses.stream({ response_id: id, starting_after: 3 })
    expect((await whole.finalResponse()).output_text).toBe('I add.It is 3.')
  })

  it('ends the items of a step that was withdrawn', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const broken: Script = async function* () {
      yield* words('Wrong ')
      await promise
      throw connectionReset
    }
    const { client, served } = await open([broken, says('Right.')], {
      retry: { initialDelayMs: 1 },
    })
    const { data, response } = await client.responses
      .create({ model: 'tutor', input: 'Hi', background: true })
      .withResponse()
    // Only this reader knows how to withdraw a step.
    const session = response.headers.get('x-loom-session')
    const tab = await fetch(`${served.api}/${session}/stream?profile=v7`)
    const chunks: string[] = []
    for await (const chunk of tab.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      chunks.push(chunk)
      if (chunk.includes('Wrong ')) resolve()
    }
    expect(chunks.join('')).toContain('reset-step')
    const stream = await client.responses.retrieve(data.id, { stream: true })
    const items = (await eventsOf(stream)).flatMap((event) =>
      event.type === 'response.output_item.done' ? [event.item] : [],
    )
    expect(items).toMatchObject([
      { status: 'incomplete', content: [{ text: 'Wrong ' }] },
      { status: 'completed', content: [{ text: 'Right.' }] },
    ])
    const whole = await client.responses.stream({ response_id: data.id }).finalResponse()
    expect(whole).toMatchObject({ status: 'completed', output_text: 'Right.' })
    expect((await client.responses.retrieve(data.id)).output_text).toBe('Right.')
  })

  it('is gone with the log, and the response stays', async () => {
    const model = scriptedModel(
      calls(['weather', {}]),
      [...says('It rains.').slice(0, -1), ...calls(['add', { a: 1, b: 2 }])],
      says('So 3.'),
    )
    const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', tools: [add], model })
    const loom = new Loom({ agents: [agent], logTtlMs: 1 })
    onTestFinished(() => loom.close())
    const app = new Hono().route('/v1', openAiRoutes(loom))
    const client = new OpenAI({
      baseURL: 'http://localhost/v1',
      apiKey: 'any-key',
      maxRetries: 0,
      fetch: async (url, init) => app.request(new Request(url, init)),
    })
    const common = { model: 'tutor', tools: [weather], metadata: { a: 'b' } }
    const asked = await client.responses.create({ ...common, input: 'The weather?' })
    const answer = await client.responses.create({
      ...common,
      previous_response_id: asked.id,
      input: [{ type: 'function_call_output', call_id: 'call-0', output: 'rain' }],
    })
    const stream = () => client.responses.retrieve(answer.id, { stream: true })
    await expect.poll(async () => (await failureOf(stream().then(eventsOf))).status).toBe(410)
    for (const { id, output, usage, status } of [asked, answer]) {
      expect(await client.responses.retrieve(id)).toMatchObject({ output, usage, status })
    }
    expect(answer.usage?.total_tokens).toBe(30)
    expect((await client.responses.retrieve(asked.id)).metadata).toEqual({ a: 'b' })
    const items = await client.responses.inputItems.list(answer.id)
    expect(items.data).toMatchObject([{ type: 'function_call_output', output: 'rain' }])
  })

  it('refuses a number that is none', async () => {
    const { client } = await open([says('Hello.')])
    const { id } = await client.responses.create({ model: 'tutor', input: 'Hi' })
    const request = client.responses.retrieve(id, { stream: true, starting_after: -2 })
    expect(await failureOf(request)).toMatchObject({ status: 400, param: 'starting_after' })
  })
})

describe('the tools of a client', () => {
  it.for([false, true])('are called and answered (stream: %s)', async (stream) => {
    const { client, model } = await open([
      calls(['weather', { city: 'Oslo' }], ['weather', { city: 'Rome' }]),
      says('Rain and sun.'),
    ])
    const create = async (body: Omit<ResponseCreateParamsNonStreaming, 'stream'>) =>
      stream ? client.responses.stream(body).finalResponse() : client.responses.create(body)
    const common = { model: 'tutor', tools: [weather] }
    const asked = await create({ ...common, input: 'The weather in Oslo and Rome?' })
    expect(asked).toMatchObject({
      status: 'completed',
      output: [
        { type: 'function_call', name: 'weather', arguments: '{"city":"Oslo"}' },
        { type: 'function_call', name: 'weather', arguments: '{"city":"Rome"}' },
      ],
    })
    const input = asked.output.flatMap((item) =>
      item.type === 'function_call'
        ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: 'mild' }]
        : [],
    )
    const answer = await create({ ...common, input, previous_response_id: asked.id })
    expect(answer).toMatchObject({
      status: 'completed',
      output_text: 'Rain and sun.',
      usage: { input_tokens: 10, total_tokens: 15 },
    })
    expect(answer.output).toHaveLength(1)
    expect(rolesOf(model, 1)).toEqual(['user', 'assistant', 'tool'])
    // Both responses stay what they were.
    expect(asked.output).toMatchObject((await client.responses.retrieve(asked.id)).output)
    expect(answer.output).toMatchObject((await client.responses.retrieve(answer.id)).output)
    const items = await client.responses.inputItems.list(answer.id, { order: 'asc' })
    expect(items.data).toMatchObject(input)
  })

  it('need a result for each call', async () => {
    const { client } = await open([
      calls(['weather', { city: 'Oslo' }], ['weather', { city: 'Rome' }]),
    ])
    const common = { model: 'tutor', tools: [weather] }
    const asked = await client.responses.create({ ...common, input: 'The weather?' })
    const request = client.responses.create({
      ...common,
      previous_response_id: asked.id,
      input: [{ type: 'function_call_output', call_id: 'call-0', output: 'rain' }],
    })
    expect(await failureOf(request)).toMatchObject({
      status: 400,
      param: 'input',
      message: expect.stringContaining('No tool output found for function call call-1.'),
    })
  })

  it('work without a stored answer: the client sends its calls again', async () => {
    const { client, model } = await open([calls(['weather', { city: 'Oslo' }]), says('It rains.')])
    const common = { model: 'tutor', tools: [weather], store: false }
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'The weather?' }]
    const asked = await client.responses.create({ ...common, input })
    input.push(...asked.output.flatMap((item) => (item.type === 'function_call' ? [item] : [])))
    input.push({ type: 'function_call_output', call_id: 'call-0', output: 'rain' })
    const answer = await client.responses.create({ ...common, input })
    expect(answer.output_text).toBe('It rains.')
    expect(rolesOf(model, 1)).toEqual(['user', 'assistant', 'tool'])
  })

  it('that are no functions are refused by their name', async () => {
    const { client } = await open([])
    const tools = [weather, { type: 'web_search' as const }]
    const request = client.responses.create({ model: 'tutor', input: 'News?', tools })
    expect(await failureOf(request)).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param: 'tools[1].type',
    })
  })
})

describe('the tools of the agent', () => {
  it('are calls of the server, with their results', async () => {
    const fail = defineTool({
      name: 'fail',
      description: 'Fails',
      inputSchema: z.object({}),
      execute: () => {
        throw new Error('No luck.')
      },
    })
    const { client } = await open(
      [calls(['add', { a: 1, b: 2 }], ['fail', {}]), says('It is 3.')],
      { tools: [add, fail] },
    )
    const response = await client.responses
      .stream({ model: 'tutor', input: '1 + 2?' })
      .finalResponse()
    expect(response.output.map(({ type }) => type).toSorted()).toEqual([
      'mcp_call',
      'mcp_call',
      'message',
    ])
    const itemOf = (name: string) =>
      response.output.find((item) => item.type === 'mcp_call' && item.name === name)
    expect(itemOf('add')).toMatchObject({
      status: 'completed',
      server_label: 'tutor',
      arguments: '{"a":1,"b":2}',
      output: '3',
      error: null,
    })
    expect(itemOf('fail')).toMatchObject({ status: 'failed', output: null })
    expect(JSON.stringify(itemOf('fail'))).toContain('No luck.')
    expect(response.output_text).toBe('It is 3.')
  })

  it('that need an approval are refused', async () => {
    const pay = defineTool({
      name: 'pay',
      description: 'Pays',
      inputSchema: z.object({}),
      needsApproval: true,
      execute: () => 'paid',
    })
    const { client } = await open([calls(['pay', {}]), says('I may not.')], { tools: [pay] })
    const response = await client.responses.create({ model: 'tutor', input: 'Pay.' })
    expect(response.output_text).toBe('I may not.')
    expect(JSON.stringify(response.output)).not.toContain('"paid"')
  })
})

describe('structured output', () => {
  const city = z.object({ name: z.string(), people: z.number() })
  const text = { format: zodTextFormat(city, 'city') }

  it('is parsed by the client, after a correction of the model', async () => {
    const { client, model } = await open([
      says('{"name": "Oslo"}'),
      says('{"name": "Oslo", "people": 700000}'),
    ])
    const parsed = await client.responses.parse({ model: 'tutor', input: 'Oslo?', text })
    expect(parsed.output_parsed).toEqual({ name: 'Oslo', people: 700_000 })
    expect(parsed.text?.format).toMatchObject({ type: 'json_schema', name: 'city' })
    expect(model.asked).toHaveLength(2)
    expect((await client.responses.retrieve(parsed.id)).output_text).toBe(parsed.output_text)
  })

  it('is a stream of the checked value', async () => {
    const { client } = await open([says('{"name": "Oslo", "people": 700000}')])
    const stream = client.responses.stream({ model: 'tutor', input: 'Oslo?', text })
    expect((await stream.finalResponse()).output_parsed).toEqual({ name: 'Oslo', people: 700_000 })
  })
})

describe('errors', () => {
  it('have the form of the API', async () => {
    const { client } = await open([])
    const failure = (body: object) =>
      failureOf(client.post('/responses', { body: { model: 'tutor', input: 'Hi', ...body } }))
    expect(await failure({ model: 'nobody' })).toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
    expect(await failure({ input: 7 })).toMatchObject({ status: 400, param: 'input' })
    expect(await failure({ input: [] })).toMatchObject({ status: 400, param: 'input' })
    for (const type of ['computer_call_output', 'mcp_approval_response']) {
      expect(await failure({ input: [{ type }] })).toMatchObject({
        status: 400,
        param: 'input[0].type',
      })
    }
    const file = [{ type: 'input_image', file_id: 'file-1' }]
    expect(await failure({ input: [{ role: 'user', content: file }] })).toMatchObject({
      status: 400,
      param: 'input[0].content[0].image_url',
    })
    expect(await failure({ prompt: { id: 'p' } })).toMatchObject({ status: 400, param: 'prompt' })
    expect(await failure({ background: true, store: false })).toMatchObject({ param: 'background' })
    expect(await failure({ conversation: 'a', previous_response_id: 'resp_a' })).toMatchObject({
      param: 'previous_response_id',
    })
    expect(await failure({ previous_response_id: 'resp_a' })).toMatchObject({
      status: 404,
      param: 'previous_response_id',
    })
    expect(await failureOf(client.responses.retrieve('resp_a'))).toMatchObject({ status: 404 })
    expect(await failureOf(client.responses.cancel('other'))).toMatchObject({ status: 404 })
  })
})
