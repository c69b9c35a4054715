import { dynamicTool, jsonSchema, tool } from 'ai'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import type { NamedTool } from '../src/tool.ts'
import { calculator } from '../tools/calculator.ts'
import { openBarrier } from './barrier.ts'
import { agentOf, ofType, record, typesOf, watchRejections } from './recorded-run.ts'
import { calls, finish, type Script, scriptedModel, says } from './scripted-model.ts'

beforeEach(watchRejections)

/** A tool that takes anything. */
const toolOf = (
  execute: NonNullable<NamedTool['execute']>,
  more: Partial<NamedTool> = {},
): NamedTool => ({
  name: 'work',
  description: 'Works.',
  inputSchema: z.looseObject({}),
  execute,
  ...more,
})

/** Runs one step of calls, and gives what the client and the model are told of them. */
async function settle(tool: NamedTool, ...script: Script[]) {
  const scripts = script.length === 0 ? [calls(['work', { n: 1 }])] : script
  const model = scriptedModel(...scripts, says('Done.'))
  const recorded = await record(agentOf({ tools: [tool], model }), 'Go.')
  const told = model.asked[1]?.prompt.at(-1)
  const results = told?.role === 'tool' ? told.content : []
  return { ...recorded, model, results }
}

describe('tool calls', () => {
  it('of a step run at the same time, and answer in their order', async () => {
    const barrier = openBarrier(3)
    const last = Promise.withResolvers<void>()
    const tool = toolOf(async (input) => {
      await barrier.pass()
      const { n } = z.object({ n: z.number() }).parse(input)
      // The first call is the last to be done.
      if (n === 2) last.resolve()
      if (n === 0) await last.promise
      return n
    })
    const three = [0, 1, 2].map((n): [string, object] => ['work', { n }])
    const { results, events } = await settle(tool, calls(...three))
    expect(results).toMatchObject([
      { toolCallId: 'call-0', output: { value: 0 } },
      { toolCallId: 'call-1', output: { value: 1 } },
      { toolCallId: 'call-2', output: { value: 2 } },
    ])
    const outputs = ofType(events, 'tool-output-available')
    expect(outputs.at(-1)).toMatchObject({ toolCallId: 'call-0' })
  })

  it('run as many at a time as the agent allows', async () => {
    let running = 0
    let most = 0
    const work = toolOf(async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
    })
    const five = Array.from({ length: 5 }, (): [string, object] => ['work', {}])
    const model = scriptedModel(calls(...five), says('Done.'))
    const agent = agentOf({ tools: [work], model, toolConcurrency: 2 })
    const { events } = await record(agent, 'Go.')
    expect(most).toBe(2)
    expect(ofType(events, 'tool-output-available')).toHaveLength(5)
  })

  it('are given ids of their own where a provider repeats or forgets them', async () => {
    const ids: string[] = []
    const tool = toolOf((_input, { toolCallId }) => ids.push(toolCallId))
    const same: [string, object, string] = ['work', {}, 'same']
    const none: [string, object, string] = ['work', {}, '']
    const { events, model } = await settle(tool, calls(same, same, none, none), calls(same))
    expect(new Set(ids).size).toBe(5)
    expect(ids.slice(0, 2)).toEqual(['same', 'same-2'])
    expect(ids).not.toContain('')
    expect(ofType(events, 'tool-input-available').map((event) => event.toolCallId)).toEqual(ids)
    const told = model.asked[2]?.prompt.filter(({ role }) => role === 'tool')
    expect(told?.flatMap(({ content }) => [content].flat())).toHaveLength(5)
  })

  it('keep the inputs apart that stream under one id', async () => {
    const inputs: unknown[] = []
    const part = (type: 'tool-input-start' | 'tool-input-end') =>
      type === 'tool-input-start' ? { type, id: '', toolName: 'work' } : { type, id: '' }
    const { events } = await settle(
      toolOf((input) => inputs.push(input)),
      [
        part('tool-input-start'),
        { type: 'tool-input-delta', id: '', delta: '{"n":1}' },
        part('tool-input-end'),
        part('tool-input-start'),
        { type: 'tool-input-delta', id: '', delta: '{"n":2}' },
        part('tool-input-end'),
        ...calls(['work', { n: 1 }, ''], ['work', { n: 2 }, '']),
      ],
    )
    expect(inputs).toEqual([{ n: 1 }, { n: 2 }])
    const [first, second] = ofType(events, 'tool-input-start')
    const deltas = ofType(events, 'tool-input-delta')
    expect(deltas.map(({ toolCallId }) => toolCallId)).toEqual([
      first?.toolCallId,
      second?.toolCallId,
    ])
  })
})

describe('the input of a tool call', () => {
  it('that does not fit goes back to the model with the place of the fault', async () => {
    const add = defineTool({
      name: 'add',
      description: 'Adds.',
      inputSchema: z.object({ terms: z.array(z.object({ value: z.number() })) }),
      execute: ({ terms }) => terms.reduce((sum, { value }) => sum + value, 0),
    })
    const wrong = calls(['add', { terms: [{ value: 1 }, { value: 'two' }] }])
    const right = calls(['add', { terms: [{ value: 1 }, { value: 2 }] }])
    const { events, results, result } = await settle(add, wrong, right)
    const refusal = expect.stringMatching(/does not fit the tool:\nterms\.1\.value: .*number/)
    expect(results).toMatchObject([{ output: { type: 'error-text', value: refusal } }])
    expect(ofType(events, 'tool-input-error')).toMatchObject([
      { input: { terms: [{}, { value: 'two' }] }, errorText: refusal },
    ])
    expect(ofType(events, 'tool-output-available')).toMatchObject([{ output: 3 }])
    expect(result.outcome).toBe('finished')
  })

  it('is checked by any Standard Schema, and by one that throws', async () => {
    const fault = { message: 'too odd', path: [{ key: 'n' }] }
    const validate = (input: unknown) => {
      if (JSON.stringify(input) === '{"n":2}') throw new Error('cannot count to two')
      return { issues: [fault] }
    }
    const standard = { version: 1 as const, vendor: 'handmade', validate }
    const inputSchema = {
      '~standard': { ...standard, jsonSchema: { input: () => ({}), output: () => ({}) } },
    }
    const { results } = await settle(
      toolOf(() => 'never', { inputSchema }),
      calls(['work', { n: 1 }], ['work', { n: 2 }]),
    )
    expect(results).toMatchObject([
      { output: { value: expect.stringContaining('n: too odd') } },
      { output: { value: expect.stringContaining('cannot count to two') } },
    ])
  })

  it('that is not JSON goes back to the model as it was', async () => {
    const { events, results } = await settle(calculator, calls(['calculator', '{"expr": 6 *']))
    expect(results).toMatchObject([
      { output: { type: 'error-text', value: expect.stringMatching(/not JSON.*\{"expr": 6 \*$/) } },
    ])
    expect(ofType(events, 'tool-input-error')).toMatchObject([{ input: '{"expr": 6 *' }])
  })

  it.each(['', '  \n'])('is an empty object where the model sends "%s"', async (input) => {
    const inputs: unknown[] = []
    const { events } = await settle(
      toolOf((input) => inputs.push(input)),
      calls(['work', input]),
    )
    expect(inputs).toEqual([{}])
    expect(ofType(events, 'tool-input-available')).toMatchObject([{ input: {} }])
  })

  it('reaches the tool as its schema made it, and the message as the model did', async () => {
    const inputs: unknown[] = []
    const inputSchema = z.object({ n: z.string().transform(Number), m: z.number().default(5) })
    const tool = toolOf((input) => inputs.push(input), {
      inputSchema,
      toModelOutput: ({ input }) => ({ type: 'text', value: JSON.stringify(input) }),
    })
    const { events, result, results } = await settle(tool, calls(['work', { n: '7' }]))
    expect(inputs).toEqual([{ n: 7, m: 5 }])
    expect(results).toMatchObject([{ output: { value: '{"n":7,"m":5}' } }])
    expect(ofType(events, 'tool-input-available')).toMatchObject([{ input: { n: '7' } }])
    expect(result.messages[1]).toMatchObject({ content: [{ input: { n: '7' } }] })
  })

  it('for a tool that does not exist names those that do', async () => {
    const { events, results } = await settle(calculator, [
      { type: 'tool-input-start', id: 'c', toolName: 'calc' },
      ...calls(['calc', { expr: '1' }, 'c']),
    ])
    const refusal = 'There is no tool "calc". Tools: calculator.'
    expect(results).toMatchObject([{ output: { type: 'error-text', value: refusal } }])
    expect(events.filter(({ type }) => type.startsWith('tool-'))).toMatchObject([
      { type: 'tool-input-start', dynamic: true },
      { type: 'tool-input-error', dynamic: true, input: { expr: '1' }, errorText: refusal },
    ])
  })

  it('loses keys that would reach a prototype', async () => {
    const seen: unknown[] = []
    const tool = toolOf((input) => {
      seen.push(input)
      return JSON.parse('{"a":1,"__proto__":{"b":2}}')
    })
    const input =
      '{"n":1,"__proto__":{"x":1},"\\u005f_proto__":{"y":1},"constructor":{"prototype":{}}}'
    const { events } = await settle(tool, calls(['work', input]))
    expect(seen).toEqual([{ n: 1 }])
    expect(JSON.stringify(events)).not.toMatch(/__proto__|prototype/)
    expect(ofType(events, 'tool-output-available')).toMatchObject([{ output: { a: 1 } }])
  })

  it('that is cut off by the end of the reply is told to the model', async () => {
    const { events, results, result } = await settle(
      toolOf(() => 'never'),
      [
        { type: 'tool-input-start', id: 'c', toolName: 'work' },
        { type: 'tool-input-delta', id: 'c', delta: '{"text": "and so' },
        finish('length'),
      ],
    )
    expect(ofType(events, 'tool-input-error')).toHaveLength(1)
    expect(results).toMatchObject([{ output: { value: expect.stringMatching(/cut off/) } }])
    expect(result).toMatchObject({ outcome: 'finished', text: 'Done.' })
  })
})

describe('a tool', () => {
  it('that throws is told to the model and never ends the turn', async () => {
    for (const thrown of [new Error('no bread'), 'no bread', { message: 'no bread' }]) {
      const { events, results, result } = await settle(
        toolOf(() => AbortSignal.abort(thrown).throwIfAborted()),
      )
      expect(ofType(events, 'tool-output-error')).toMatchObject([{ errorText: 'no bread' }])
      expect(results).toMatchObject([{ output: { type: 'error-text', value: 'no bread' } }])
      expect(result.outcome).toBe('finished')
    }
  })

  it('that is deaf to its signal is left behind when its time is up', async () => {
    const { events } = await settle(toolOf(() => new Promise(() => {}), { timeoutMs: 5 }))
    expect(ofType(events, 'tool-output-error')).toMatchObject([
      { errorText: 'Timed out after 5 ms.' },
    ])
  })

  it('may have no end to its time', async () => {
    const { results } = await settle(
      toolOf(() => new Promise((resolve) => setTimeout(resolve, 10, 'late')), {
        timeoutMs: Number.POSITIVE_INFINITY,
      }),
    )
    expect(results).toMatchObject([{ output: { value: 'late' } }])
  })

  const cycle: { self?: object } = {}
  cycle.self = cycle
  it.each([
    ['nothing', undefined, { type: 'json', value: null }],
    ['text', 'hi', { type: 'text', value: 'hi' }],
    ['a date', new Date(0), { type: 'text', value: '1970-01-01T00:00:00.000Z' }],
    ['a function', () => 1, { type: 'json', value: null }],
    ['a number that is none', Number.NaN, { type: 'json', value: null }],
    ['a BigInt', 1n, { type: 'error-text', value: expect.stringMatching(/not JSON.*BigInt/) }],
    ['a cycle', cycle, { type: 'error-text', value: expect.stringMatching(/not JSON/) }],
  ])('that returns %s gives the model JSON, or an error', async (_what, output, told) => {
    const { results } = await settle(toolOf(() => output))
    expect(results).toMatchObject([{ output: told }])
  })

  it('may yield preliminary results, and its last word is the result', async () => {
    const returning = await settle(
      toolOf(async function* () {
        yield 'one'
        yield { two: undefined }
        return 'three'
      }),
    )
    expect(ofType(returning.events, 'tool-output-available')).toMatchObject([
      { output: 'one', preliminary: true },
      { output: {}, preliminary: true },
      { output: 'three' },
    ])
    const yielding = await settle(
      toolOf(async function* () {
        yield 'one'
        yield 'two'
      }),
    )
    expect(yielding.results).toMatchObject([{ output: { value: 'two' } }])
    expect(ofType(yielding.events, 'tool-output-available').at(-1)).not.toHaveProperty(
      'preliminary',
    )
  })

  it('that yields what is not JSON can clean up', async () => {
    let isClean = false
    const { events } = await settle(
      toolOf(async function* () {
        try {
          yield 1n
        } finally {
          isClean = true
        }
      }),
    )
    expect(ofType(events, 'tool-output-error')).toHaveLength(1)
    expect(isClean).toBe(true)
  })

  it('may tell the model something else than the client', async () => {
    const { events, results } = await settle(
      toolOf(() => ({ secret: 1, open: 2 }), {
        toModelOutput: async ({ toolCallId, output }) => ({
          type: 'content',
          value: [{ type: 'text', text: `${toolCallId} ${JSON.stringify(output)}` }],
        }),
      }),
    )
    expect(results).toMatchObject([
      { output: { value: [{ text: 'call-0 {"secret":1,"open":2}' }] } },
    ])
    expect(ofType(events, 'tool-output-available')).toMatchObject([{ output: { open: 2 } }])
  })

  it.each([
    ['throws', () => Promise.reject(new Error('no words')), /no words/],
    ['gives what no model takes', () => JSON.parse('{"type":"song"}'), /no output of type "song"/],
  ])('whose toModelOutput %s has failed', async (_what, toModelOutput, told) => {
    const { events, results } = await settle(toolOf(() => 1, { toModelOutput }))
    const value = expect.stringMatching(told)
    expect(results).toMatchObject([{ output: { type: 'error-text', value } }])
    expect(typesOf(events)).not.toContain('tool-output-available')
  })

  it('is given a key that is the same for every attempt of a call, and of no other', async () => {
    const keys: string[] = []
    const work = toolOf((_input, { idempotencyKey }) => keys.push(idempotencyKey))
    const open = () =>
      agentOf({ tools: [work], model: scriptedModel(calls(['work', {}]), says('Done.')) })
    await record(open(), 'Go.', { messageId: 'm1' })
    await record(open(), 'Go.', { messageId: 'm1' })
    await record(open(), 'Go.')
    await record(open(), 'Go.')
    expect(keys.slice(0, 2)).toEqual(['m1:call-0', 'm1:call-0'])
    expect(new Set(keys).size).toBe(3)
  })
})

describe('the tools of the AI SDK', () => {
  it('work as they are, beside named ones', async () => {
    const add = tool({
      title: 'Adder',
      description: 'Adds.',
      inputSchema: z.object({ a: z.number(), b: z.number().default(1) }),
      execute: ({ a, b }, { toolCallId, messages }) => ({
        sum: a + b,
        toolCallId,
        of: messages.length,
      }),
    })
    const remote = dynamicTool({
      description: 'From an MCP server.',
      inputSchema: jsonSchema({ type: 'object' }),
      execute: async (input) => ({ echo: input }),
    })
    const model = scriptedModel(
      calls(['add', { a: 1 }], ['remote', { x: 1 }], ['calculator', { expr: '2' }]),
      says('Done.'),
    )
    const agent = agentOf({ model, tools: [{ add, remote }, calculator] })
    const { events } = await record(agent, 'Go.')
    expect(model.asked[0]?.tools?.map(({ name }) => name)).toEqual(['add', 'remote', 'calculator'])
    expect(ofType(events, 'tool-input-available')).toMatchObject([
      { toolName: 'add', title: 'Adder', input: { a: 1 } },
      { toolName: 'remote', dynamic: true },
      { toolName: 'calculator' },
    ])
    const outputs = new Map(
      ofType(events, 'tool-output-available').map((event) => [event.toolCallId, event]),
    )
    expect(outputs.get('call-0')).toMatchObject({
      output: { sum: 2, toolCallId: 'call-0', of: 1 },
    })
    expect(outputs.get('call-1')).toMatchObject({ output: { echo: { x: 1 } }, dynamic: true })
    expect(outputs.get('call-2')).not.toHaveProperty('dynamic')
  })
})
