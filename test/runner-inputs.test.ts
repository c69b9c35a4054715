import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import { calculator } from '../tools/calculator.ts'
import { settle, toolOf } from './one-step.ts'
import { ofType, watchRejections } from './recorded-run.ts'
import { calls, finish } from './scripted-model.ts'

beforeEach(watchRejections)

describe('the ids of tool calls', () => {
  it('repeated and missing call ids become unique', async () => {
    const ids: string[] = []
    const tool = toolOf((_input, { toolCallId }) => ids.push(toolCallId))
    const same: [string, object, string] = ['work', {}, 'same']
    const none: [string, object, string] = ['work', {}, '']
    const { events, model } = await settle(tool, calls(same, same, none, none), calls(same))
    expect(new Set(ids).size).toBe(5)
    expect(ids.slice(0, 2)).toEqual(['same', 'same-2'])
    expect(ids).not.toContain('')
    expect(ofType(events, 'tool-input-available').map((event) => event.toolCallId)).toEqual(ids)
    const toolMessages = model.asked[2]?.prompt.filter(({ role }) => role === 'tool')
    expect(toolMessages?.flatMap(({ content }) => [content].flat())).toHaveLength(5)
  })

  it('inputs that stream with one id stay separate', async () => {
    const inputs: unknown[] = []
    const start = { type: 'tool-input-start' as const, id: '', toolName: 'work' }
    const end = { type: 'tool-input-end' as const, id: '' }
    const { events } = await settle(
      toolOf((input) => inputs.push(input)),
      [
        start,
        { type: 'tool-input-delta', id: '', delta: '{"n":1}' },
        end,
        start,
        { type: 'tool-input-delta', id: '', delta: '{"n":2}' },
        end,
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
  it('an input against the schema returns to the model with its path', async () => {
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

  it.each([
    ['null', {}],
    ['"{\\"n\\":1}"', { n: 1 }],
    ['"{}"', {}],
  ])('the input is an object if a server sends %s', async (text, expected) => {
    const inputs: unknown[] = []
    const call = { type: 'tool-call' as const, toolCallId: 'a', toolName: 'work', input: text }
    const { events } = await settle(
      toolOf((input) => inputs.push(input)),
      [call, finish('tool-calls')],
    )
    expect(inputs).toEqual([expected])
    expect(ofType(events, 'tool-input-available')).toMatchObject([{ input: expected }])
  })

  it.each(['null', '"{}"', '""'])(
    'an input of %s alone does not run in a cut-off reply',
    async (text) => {
      const inputs: unknown[] = []
      const call = { type: 'tool-call' as const, toolCallId: 'a', toolName: 'work', input: text }
      await settle(
        toolOf((input) => inputs.push(input)),
        [call, finish('length')],
      )
      expect(inputs).toEqual([])
    },
  )

  it('an input is checked by any Standard Schema', async () => {
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

  it('an input that is not JSON returns to the model unchanged', async () => {
    const { events, results } = await settle(calculator, calls(['calculator', '{"expr": 6 *']))
    expect(results).toMatchObject([
      { output: { type: 'error-text', value: expect.stringMatching(/not JSON.*\{"expr": 6 \*$/) } },
    ])
    expect(ofType(events, 'tool-input-error')).toMatchObject([{ input: '{"expr": 6 *' }])
  })

  it.each(['', '  \n'])('the input is an empty object if the model sends "%s"', async (input) => {
    const inputs: unknown[] = []
    const { events } = await settle(
      toolOf((input) => inputs.push(input)),
      calls(['work', input]),
    )
    expect(inputs).toEqual([{}])
    expect(ofType(events, 'tool-input-available')).toMatchObject([{ input: {} }])
  })

  it("the tool receives the schema's output, the message the model's input", async () => {
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

  it('a call of an unknown tool names the existing ones', async () => {
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

  it('an input loses keys that would reach a prototype', async () => {
    const inputs: unknown[] = []
    const tool = toolOf((input) => {
      inputs.push(input)
      return JSON.parse('{"a":1,"__proto__":{"b":2}}')
    })
    const input =
      '{"n":1,"__proto__":{"x":1},"\\u005f_proto__":{"y":1},"constructor":{"prototype":{}}}'
    const { events } = await settle(tool, calls(['work', input]))
    expect(inputs).toEqual([{ n: 1 }])
    expect(JSON.stringify(events)).not.toMatch(/__proto__|prototype/)
    expect(ofType(events, 'tool-output-available')).toMatchObject([{ output: { a: 1 } }])
  })

  it('a cut-off input is an error for the model', async () => {
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
