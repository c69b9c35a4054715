/** The input schema of a tool is an object with `properties` in each request, also if its author wrote another form. */
import { type FlexibleSchema, jsonSchema } from 'ai'
import { expect, test } from 'vitest'
import { z } from 'zod'

import { defineAgent } from '../../src/agent.ts'
import { createModels } from '../../src/model/resolve.ts'
import { run } from '../../src/runner.ts'
import { type Body, chunk, providerServer, say, stream } from './provider-server.ts'

type Tree = z.infer<typeof leaf> & { kids?: Tree[] | undefined }
const leaf = z.object({ name: z.string() })
const tree: z.ZodType<Tree> = z.lazy(() => leaf.extend({ kids: z.array(tree).optional() }))
const operation = z.discriminatedUnion('op', [
  z.object({ op: z.literal('add'), value: z.number() }),
  z.object({ op: z.literal('remove'), id: z.string() }),
])

async function parametersOf(inputSchema: FlexibleSchema): Promise<Body> {
  const server = await providerServer((_, response) => stream(response, ...say('Hello')))
  const models = createModels({ environment: { MOCK_BASE_URL: `${server.root}/v1` } })
  const tool = { name: 'work', description: 'Works.', inputSchema, execute: () => 'done' }
  const agent = defineAgent({ name: 'tester', systemPrompt: '', model: 'mock/m', tools: [tool] })
  await run(agent, 'Hi', { models })
  return server.requests[0]?.body['tools'][0].function.parameters
}

const a = { a: { type: 'string' as const } }
const cases: [string, FlexibleSchema, Body][] = [
  ['nothing', jsonSchema({}), { properties: {} }],
  ['properties without a type', jsonSchema({ properties: a }), { properties: a }],
  [
    'null as properties',
    jsonSchema(JSON.parse('{"type":"object","properties":null}')),
    { properties: {} },
  ],
  ['a list of types', jsonSchema({ type: ['object', 'null'], properties: a }), { properties: a }],
  [
    'a union of two objects',
    operation,
    {
      properties: {
        op: {
          anyOf: [
            expect.objectContaining({ const: 'add' }),
            expect.objectContaining({ const: 'remove' }),
          ],
        },
        value: expect.anything(),
        id: expect.anything(),
      },
      required: ['op'],
    },
  ],
  [
    'a union of an object and a text',
    z.union([z.object({ a: z.string() }), z.string()]),
    { properties: a, required: ['a'] },
  ],
  [
    'both of two objects',
    z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() })),
    { properties: { ...a, b: { type: 'number' } }, required: ['a', 'b'] },
  ],
  [
    'a reference',
    jsonSchema({ $ref: '#/$defs/A', $defs: { A: { type: 'object', properties: a } } }),
    { properties: a },
  ],
  [
    'a schema that contains itself',
    tree,
    { properties: { name: { type: 'string' }, kids: { type: 'array' } } },
  ],
  [
    'a union that contains itself',
    jsonSchema({
      anyOf: [{ $ref: '#/$defs/A' }],
      $defs: { A: { anyOf: [{ $ref: '#/$defs/A' }, { type: 'object', properties: a }] } },
    }),
    { properties: a },
  ],
]

test.each(cases)(
  'a tool that takes %s has an object as its schema',
  async (_, schema, expected) => {
    const parameters = await parametersOf(schema)
    expect(parameters).toMatchObject({ type: 'object', ...expected })
    for (const keyword of ['anyOf', 'oneOf', 'allOf', '$ref'])
      expect(parameters).not.toHaveProperty(keyword)
  },
)

test('an input that fits no part of a union is refused to the model', async () => {
  const server = await providerServer((_, response, count) => {
    if (count > 1) return stream(response, ...say('Hello'))
    const called = { name: 'work', arguments: '{"op":"add","id":"x"}' }
    const tool_calls = [{ index: 0, id: 'a', type: 'function', function: called }]
    return stream(response, chunk({ tool_calls }), chunk({}, 'tool_calls'))
  })
  const models = createModels({ environment: { MOCK_BASE_URL: `${server.root}/v1` } })
  const ran: unknown[] = []
  const tool = {
    name: 'work',
    description: 'Works.',
    inputSchema: operation,
    execute: (input: unknown) => ran.push(input),
  }
  const agent = defineAgent({ name: 'tester', systemPrompt: '', model: 'mock/m', tools: [tool] })
  await run(agent, 'Hi', { models })
  expect(ran).toEqual([])
  expect(JSON.stringify(server.requests[1]?.body['messages'])).toContain('does not fit the tool')
})
