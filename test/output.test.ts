/** Structured output: the final answer is checked against the agent's schema, mended, and corrected. */
import { jsonSchema } from 'ai'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { agentTool } from '../src/agent-tool.ts'
import { defineAgent } from '../src/agent.ts'
import { LoomError } from '../src/ground/error.ts'
import { run, stream } from '../src/index.ts'
import { toolOf } from './one-step.ts'
import { agentOf, models, ofType, record, watchRejections } from './recorded-run.ts'
import { calls, directScriptedModel, finish, says, scriptedModel, words } from './scripted-model.ts'

beforeEach(watchRejections)

const city = z.object({ name: z.string(), people: z.number() })
const paris = '{"name": "Paris", "people": 2100000}'
const value = { name: 'Paris', people: 2_100_000 }

describe('an agent with an output schema', () => {
  it('returns the typed value of the answer', async () => {
    const model = scriptedModel(says(paris))
    const agent = defineAgent({
      name: 'atlas',
      systemPrompt: 'You know cities.',
      output: city,
      model,
    })
    const { output, text } = await run(agent, 'Paris?', { models })
    const people: number = output.people
    expect([output, people, text]).toEqual([value, value.people, paris])
    const events = stream(agent, 'Paris?', { models, model: scriptedModel(says(paris)) })
    expect((await events.result).output.name).toBe('Paris')
  })

  it('sends the value to clients as a data part inside of the last step', async () => {
    const agent = agentOf({ output: city, model: scriptedModel(says(paris)) })
    const { events, message } = await record(agent, 'Paris?')
    expect(events.slice(-3)).toMatchObject([
      { type: 'data-output', id: 'output', data: value },
      { type: 'finish-step' },
      { type: 'finish' },
    ])
    expect(message.parts.at(-1)).toMatchObject({ type: 'data-output', data: value })
  })

  it('asks the model with a response format and with instructions', async () => {
    const model = scriptedModel(says(paris))
    await record(agentOf({ output: city, model }), 'Paris?')
    const [call] = model.asked
    expect(call?.responseFormat).toMatchObject({
      type: 'json',
      schema: { type: 'object', required: ['name', 'people'] },
    })
    expect(call?.prompt[0]?.content).toMatch(
      /^You teach\.\n\nYour final answer must be .*\n\n\{.*people/,
    )
  })

  it('sends no response format beside tools, unless the provider takes both', async () => {
    const tools = [toolOf(() => 'found')]
    const plain = scriptedModel(calls(['work', {}]), says(paris))
    const { result } = await record(agentOf({ output: city, tools, model: plain }), 'Paris?')
    expect(result.output).toEqual(value)
    expect(plain.asked.map(({ responseFormat }) => responseFormat)).toEqual([undefined, undefined])
    const both = { ...scriptedModel(says(paris)), provider: 'openai.responses' }
    await record(agentOf({ output: city, tools, model: both }), 'Paris?')
    expect(both.asked[0]).toMatchObject({ responseFormat: { type: 'json' }, tools: [{}] })
  })

  it('wraps a schema that is no object, because providers accept only an object', async () => {
    for (const [output, text, expected] of [
      [z.array(z.number()), '{"result": [1, 2]}', [1, 2]],
      [z.array(z.number()), '[1, 2]', [1, 2]],
      [z.enum(['red', 'blue']), 'Red', 'red'],
      [z.string(), 'Just words.', 'Just words.'],
      [z.union([z.number(), z.null()]), '{"result": null}', null],
    ] as const) {
      const model = scriptedModel(says(text))
      const { result } = await record(agentOf({ output, model }), 'Go.')
      expect(result.output).toEqual(expected)
      expect(model.asked[0]?.responseFormat).toMatchObject({
        schema: { type: 'object', required: ['result'] },
      })
    }
  })

  it('applies the defaults and transforms of the schema', async () => {
    const output = z.object({
      day: z.iso.date().transform((day) => new Date(day)),
      unit: z.string().default('C'),
    })
    const agent = agentOf({ output, model: scriptedModel(says('{"day": "2026-01-02"}')) })
    const { result, message } = await record(agent, 'When?')
    expect(result.output).toEqual({ day: new Date('2026-01-02'), unit: 'C' })
    expect(message.parts.at(-1)).toMatchObject({
      data: { day: '2026-01-02T00:00:00.000Z', unit: 'C' },
    })
  })

  it('takes a schema from a function of the context, and checks a plain JSON schema', async () => {
    const schema = jsonSchema<{ n: number }>({
      type: 'object',
      properties: { n: { type: 'integer' } },
      required: ['n'],
    })
    const model = scriptedModel(says('{"n": "x"}'), says('{"n": 5}'))
    const agent = agentOf({ output: (context) => (context === 'n' ? schema : city), model })
    const { result } = await record(agent, 'Go.', { context: 'n' })
    expect(result).toMatchObject({ output: { n: 5 }, steps: 2 })
  })
})

describe('an answer that does not fit', () => {
  it('goes back to the model with the error', async () => {
    const model = scriptedModel(says('{"name": "Paris"}'), says(paris))
    const { result, events } = await record(agentOf({ output: city, model }), 'Paris?')
    expect(result).toMatchObject({ output: value, steps: 2, text: paris, outcome: 'finished' })
    expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain('people: Invalid input')
    expect(ofType(events, 'data-output')).toHaveLength(1)
  })

  it('is an error after two corrections, and the result has no output', async () => {
    const model = scriptedModel(says('No.'), says('No, really.'), says('Still no.'))
    const { error, events } = await record(agentOf({ output: city, model }), 'Paris?')
    expect(error).toMatchObject({ code: 'output-invalid', status: 502 })
    expect(error?.message).toBe(
      "The model's answer does not fit the output schema, also after 2 corrections: The answer contains no JSON value.",
    )
    expect(() => error?.result?.output).toThrow('ended as "error" and has no output')
    expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason: 'error' })
  })

  it('is an error at once if the run has no step left', async () => {
    const model = scriptedModel(says('No.'))
    const { error } = await record(agentOf({ output: city, model, maxSteps: 1 }), 'Paris?')
    expect(error?.code).toBe('output-invalid')
  })

  it('is corrected without tools by a model that takes no format beside them', async () => {
    const model = directScriptedModel(says('Paris has 2100000 people.'), says(paris))
    const agent = agentOf({ output: city, tools: [toolOf(() => 1)], model })
    const { result } = await record(agent, 'Paris?')
    expect(result.output).toEqual(value)
    expect(model.asked[0]).not.toHaveProperty('responseFormat')
    expect(model.asked[1]).toMatchObject({ responseFormat: { type: 'json' } })
    expect(model.asked[1]).not.toHaveProperty('tools')
  })

  it.each([
    '<think>Maybe {"total": 10, "paid": false}? No.</think>\n{"total": 7, "paid": true}',
    'First {"total": 10, "paid": false}.\n</think>\nSo: {"total": 7, "paid": true}',
  ])('has thoughts with a draft before it: %s', async (answer) => {
    const output = z.object({ total: z.number(), paid: z.boolean() })
    const model = scriptedModel(says(answer))
    const { result } = await record(agentOf({ output, model }), 'Go.')
    expect(result.output).toEqual({ total: 7, paid: true })
  })

  it('that was cut off is not completed by a guess', async () => {
    const output = z.object({ names: z.array(z.string()).optional(), note: z.string().optional() })
    const cut = [
      ...words('{"names": ["a", "b"'),
      { type: 'text-end' as const, id: 'txt-0' },
      finish('length'),
    ]
    const model = scriptedModel(cut, says('{"names": ["a"]}'))
    const { result } = await record(agentOf({ output, model }), 'Go.')
    expect(result.output).toEqual({ names: ['a'] })
    expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain('length limit')
  })

  it('a run that ends before an answer throws when its output is read', async () => {
    const model = scriptedModel(calls(['work', {}]))
    const agent = agentOf({ output: city, tools: [toolOf(() => 1)], model, maxSteps: 1 })
    const { result } = await record(agent, 'Paris?')
    expect(result.outcome).toBe('max-steps')
    expect(() => result.output).toThrow(LoomError)
    expect(JSON.parse(JSON.stringify(result))).not.toHaveProperty('output')
  })
})

describe('near-miss answers', () => {
  it.each([
    ['a code fence', '```json\n{"name": "Paris", "people": 2100000}\n```'],
    ['words around it', 'Here is it:\n{"name": "Paris", "people": 2100000}\nAnything [else]?'],
    ['single quotes and a comma', "{'name': 'Paris', 'people': 2100000,}"],
    ['no quotes', '{name: "Paris", people: 2100000}'],
    ['a number in quotes', '{"name": "Paris", "people": "2100000"}'],
    ['a wrapping object', '{"city": {"name": "Paris", "people": 2100000}}'],
    ['a list of one', '[{"name": "Paris", "people": 2100000}]'],
    ['JSON in a string', JSON.stringify(paris)],
    ['comments', '{"name": "Paris", // the capital\n "people": 2100000}'],
  ])('%s is read', async (_, text) => {
    const { result } = await record(
      agentOf({ output: city, model: scriptedModel(says(text)) }),
      'Go.',
    )
    expect(result).toMatchObject({ output: value, steps: 1 })
  })
})

describe('sub-agents and the demo model', () => {
  it('a sub-agent with a schema returns its value to the calling model', async () => {
    const atlas = defineAgent({
      name: 'atlas',
      systemPrompt: 'Cities.',
      output: city,
      model: scriptedModel(says(`So: ${paris}`)),
    })
    const model = scriptedModel(calls(['atlas', { prompt: 'Paris?' }]), says('Done.'))
    const { events } = await record(agentOf({ tools: [agentTool(atlas)], model }), 'Go.')
    const outputs = ofType(events, 'tool-output-available')
    expect(outputs.at(-1)?.output).toMatchObject({ output: value })
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
      content: [{ output: { type: 'json', value } }],
    })
  })

  it('the demo model answers with a value of the schema, also after a tool', async () => {
    const output = z.object({
      title: z.string().min(3),
      tags: z.array(z.enum(['a', 'b'])).min(2),
      size: z.number().int().min(10).optional(),
      owner: z.union([z.object({ email: z.email() }), z.null()]),
    })
    const agent = agentOf({ output, model: 'demo/fast', tools: [toolOf(() => 'found')] })
    const { result } = await record(agent, 'Use work')
    expect(result.output).toEqual({
      title: 'example',
      tags: ['a', 'a'],
      size: 10,
      owner: { email: 'demo@example.com' },
    })
    expect(result.steps).toBe(2)
  })
})
