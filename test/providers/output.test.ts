/** Structured output over HTTP: the requests that providers get, and those that they refuse. */
import type { ServerResponse } from 'node:http'

import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { type AgentDefinition, defineAgent } from '../../src/agent.ts'
import { createModels } from '../../src/model/resolve.ts'
import { run } from '../../src/runner.ts'
import { toolOf } from '../one-step.ts'
import { type Body, chunk, providerServer, refuse, say, stream } from './provider-server.ts'

const city = z.object({ name: z.string(), people: z.number() })
const value = { name: 'Paris', people: 2_100_000 }
const json = JSON.stringify(value)

interface Provider {
  /** The text of the refusal of a body; undefined if the provider accepts it. */
  refusal?: (body: Body) => string | undefined
  answer: (response: ServerResponse, count: number) => unknown
  agent?: Partial<AgentDefinition>
  model?: string
}

async function ask({ refusal, answer, agent, model = 'mock/m' }: Provider) {
  const taken: Body[] = []
  const { root, requests } = await providerServer(({ body }, response) => {
    const message = refusal?.(body)
    if (message !== undefined) return refuse(response, 400, { error: { message } })
    taken.push(body)
    return answer(response, taken.length)
  })
  const environment = {
    MOCK_BASE_URL: `${root}/v1`,
    ANTHROPIC_BASE_URL: `${root}/v1`,
    ANTHROPIC_API_KEY: 'key',
  }
  const definition = { name: 'atlas', systemPrompt: 'Cities.', model, output: city, ...agent }
  const models = createModels({ environment })
  const result = await run(defineAgent(definition), 'Paris?', { models })
  return { result, taken, requests }
}

const says = (text: string) => (response: ServerResponse) => stream(response, ...say(text))

describe('an OpenAI-compatible API', () => {
  it('gets the schema as response_format, strict if the schema has no optional field', async () => {
    const { result, taken } = await ask({ answer: says(json) })
    expect(result.output).toEqual(value)
    expect(taken[0]).toMatchObject({
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'output', strict: true, schema: { required: ['name', 'people'] } },
      },
    })
    const output = city.partial()
    const lenient = await ask({ answer: says(json), agent: { output } })
    expect(lenient.taken[0]).toMatchObject({ response_format: { json_schema: { strict: false } } })
  })

  it('that takes no schema gets "some JSON", and one without formats only instructions', async () => {
    for (const [refused, format] of [
      ['json_schema', { type: 'json_object' }],
      ['response_format', undefined],
    ] as const) {
      const { result, taken } = await ask({
        refusal: (body) =>
          JSON.stringify(body['response_format'] ?? '').includes('json') &&
          JSON.stringify(body).includes(`"${refused}"`)
            ? `Invalid parameter: 'response_format' of type '${body['response_format'].type}' is not supported.`
            : undefined,
        answer: says(`\`\`\`json\n${json}\n\`\`\``),
      })
      expect(result.output).toEqual(value)
      expect(taken[0]?.['response_format']).toEqual(format)
      // An API with json_object requires the word in the prompt.
      expect(taken[0]?.['messages'][0].content).toContain('JSON')
    }
  })

  it('that refuses a strict schema gets the same one without strict', async () => {
    const { result, taken } = await ask({
      refusal: ({ response_format: format }) =>
        format.json_schema?.strict === true
          ? "Invalid schema for response_format 'output': In context=(), 'x' is not permitted."
          : undefined,
      answer: says(json),
    })
    expect(result.output).toEqual(value)
    expect(taken[0]).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { strict: false } },
    })
  })

  it('that refuses a format beside tools answers after its tools, and is corrected without them', async () => {
    const call = {
      id: 'c1',
      index: 0,
      type: 'function',
      function: { name: 'work', arguments: '{}' },
    }
    const { result, requests } = await ask({
      agent: { tools: [toolOf(() => 'found')] },
      refusal: (body) =>
        body['tools'] !== undefined && body['response_format'] !== undefined
          ? 'json mode cannot be combined with tool/function calling'
          : undefined,
      answer: (response, count) => {
        if (count > 1) return says(count === 2 ? 'It is Paris.' : json)(response)
        return stream(response, chunk({ tool_calls: [call] }), chunk({}, 'tool_calls'))
      },
    })
    expect(result).toMatchObject({ output: value, steps: 3 })
    expect(
      requests.map(({ body }) => [body['tools'] !== undefined, body['response_format']?.type]),
    ).toEqual([
      [true, undefined],
      [true, undefined],
      [false, 'json_schema'],
    ])
  })
})

describe('Anthropic', () => {
  it('of an earlier model answers through the tool of its package, beside the own tools', async () => {
    const { result, taken } = await ask({
      model: 'anthropic/claude-3-haiku-20240307',
      agent: { tools: [toolOf(() => 'found')] },
      answer: (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (const event of jsonToolEvents) {
          response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
        }
        response.end()
      },
    })
    expect(result).toMatchObject({ output: value, steps: 1, text: json })
    expect(taken[0]?.['tools'].map(({ name }: Body) => name)).toEqual(['work', 'json'])
  })
})

const usage = { input_tokens: 10, output_tokens: 5 }
const jsonToolEvents = [
  {
    type: 'message_start',
    message: { id: 'm', type: 'message', role: 'assistant', content: [], model: 'm', usage },
  },
  {
    type: 'content_block_start',
    index: 0,
    content_block: { type: 'tool_use', id: 't', name: 'json', input: {} },
  },
  {
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'input_json_delta', partial_json: json },
  },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage },
  { type: 'message_stop' },
]
