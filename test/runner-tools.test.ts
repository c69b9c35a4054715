import { dynamicTool, jsonSchema, tool, type ToolSet } from 'ai'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { run } from '../src/index.ts'
import { calculator } from '../tools/calculator.ts'
import { openBarrier } from './barrier.ts'
import { settle, toolOf } from './one-step.ts'
import { agentOf, ofType, record, typesOf, watchRejections } from './recorded-run.ts'
import { calls, scriptedModel, says } from './scripted-model.ts'

beforeEach(watchRejections)

describe('tool calls', () => {
  it('calls of a step run together and answer in order', async () => {
    const barrier = openBarrier(3)
    const last = Promise.withResolvers<void>()
    const tool = toolOf(async (input) => {
      await barrier.pass()
      const { n } = z.object({ n: z.number() }).parse(input)
      // The first call finishes last.
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

  it('the agent limits how many calls run together', async () => {
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
})

describe('a tool', () => {
  it('an error of a tool goes to the model, and the turn continues', async () => {
    for (const thrown of [new Error('no bread'), 'no bread', { message: 'no bread' }]) {
      const { events, results, result } = await settle(
        toolOf(() => AbortSignal.abort(thrown).throwIfAborted()),
      )
      expect(ofType(events, 'tool-output-error')).toMatchObject([{ errorText: 'no bread' }])
      expect(results).toMatchObject([{ output: { type: 'error-text', value: 'no bread' } }])
      expect(result.outcome).toBe('finished')
    }
  })

  it('a tool that ignores its signal is abandoned at its limit', async () => {
    const { events } = await settle(toolOf(() => new Promise(() => {}), { timeoutMs: 5 }))
    expect(ofType(events, 'tool-output-error')).toMatchObject([
      { errorText: 'Timed out after 5 ms.' },
    ])
  })

  it('a tool can have no time limit', async () => {
    // A timer of Node with an infinite delay fires after 1 ms, before this tool is done.
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
    ['NaN', Number.NaN, { type: 'json', value: null }],
    ['a BigInt', 1n, { type: 'error-text', value: expect.stringMatching(/not JSON.*BigInt/) }],
    ['a cycle', cycle, { type: 'error-text', value: expect.stringMatching(/not JSON/) }],
  ])('a tool that returns %s gives the model JSON or an error', async (_what, output, expected) => {
    const { results } = await settle(toolOf(() => output))
    expect(results).toMatchObject([{ output: expected }])
  })

  it('a tool may yield preliminary results before its result', async () => {
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

  it('a generator that yields invalid JSON can clean up', async () => {
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

  it('a tool may send another output to the model', async () => {
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
    ['returns an invalid output', () => JSON.parse('{"type":"song"}'), /no output of type "song"/],
  ])('a call whose toModelOutput %s has failed', async (_what, toModelOutput, expected) => {
    const { events, results } = await settle(toolOf(() => 1, { toModelOutput }))
    const value = expect.stringMatching(expected)
    expect(results).toMatchObject([{ output: { type: 'error-text', value } }])
    expect(typesOf(events)).not.toContain('tool-output-available')
  })

  it('each call has its own idempotency key for all attempts', async () => {
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
  it('AI SDK tools work beside named ones', async () => {
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

  it('an invalid tool fails the run, not the process', async () => {
    for (const none of [undefined, null, 'search']) {
      const tools: ToolSet = {}
      Reflect.set(tools, 'search', none)
      const running = run(agentOf({ model: scriptedModel(says('Hi.')), tools }), 'Go.')
      await expect(running).rejects.toMatchObject({
        code: 'invalid-config',
        message: 'Tool "search" is no tool object.',
      })
    }
  })
})
