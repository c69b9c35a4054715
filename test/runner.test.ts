import { jsonSchema, tool, type ToolSet } from 'ai'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineAgent, type StepDecision } from '../src/agent.ts'
import { defineTool } from '../src/define-tool.ts'
import type { AgentEvent } from '../src/event.ts'
import { LoomError } from '../src/ground/error.ts'
import { userMessage } from '../src/message.ts'
import { run } from '../src/runner.ts'
import { calculator } from '../tools/calculator.ts'
import { agentOf, models, ofType, record, typesOf, watchRejections } from './recorded-run.ts'
import { calls, directScriptedModel, finish, says, scriptedModel, words } from './scripted-model.ts'

beforeEach(watchRejections)

describe('an agent with a calculator', () => {
  const sum = calls(['calculator', { expr: '123 * 456' }])

  it.each([
    ['a model of the AI SDK', scriptedModel, 3],
    // Deltas of one network read are one event.
    ["a model of Loom's own", directScriptedModel, 2],
  ])('an agent answers with its calculator and %s', async (_what, open, deltas) => {
    const model = open(sum, says('It is 56088.'))
    const tutor = defineAgent({
      name: 'math',
      systemPrompt: 'You are a math tutor. Use the calculator when needed.',
      tools: [calculator],
      model,
    })
    let text = ''
    const { result, events } = await record(tutor, [userMessage('What is 123 * 456?')], {
      sink: (event) => {
        if (event.type === 'text-delta') text += event.delta
      },
    })
    expect(text).toBe('It is 56088.')
    expect(result).toMatchObject({
      text,
      steps: 2,
      finishReason: 'stop',
      outcome: 'finished',
    })
    expect(result.usage).toEqual({
      inputTokens: 20,
      outputTokens: 10,
      totalTokens: 30,
      cachedInputTokens: 4,
      reasoningTokens: 2,
    })
    expect(typesOf(events)).toEqual([
      'start',
      'start-step',
      'tool-input-available',
      'tool-output-available',
      'finish-step',
      'start-step',
      'text-start',
      ...Array.from({ length: deltas }, () => 'text-delta'),
      'text-end',
      'finish-step',
      'finish',
    ])
    expect(events.at(-1)).toMatchObject({
      messageMetadata: { usage: result.usage, steps: 2, outcome: 'finished' },
    })
  })

  it('the next run continues from the returned messages', async () => {
    const model = scriptedModel(sum, says('It is 56088.'), says('It is 560880.'))
    const tutor = agentOf({ tools: [calculator], model })
    const first = await run(tutor, 'What is 123 * 456?', { models })
    const second = await run(tutor, [...first.messages, userMessage('Times ten?')], { models })
    expect(second.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
      'user',
      'assistant',
    ])
    expect(model.asked[2]?.prompt.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
      'assistant',
      'user',
    ])
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
      role: 'tool',
      content: [{ toolCallId: 'call-0', output: { type: 'json', value: { result: 56088 } } }],
    })
  })

  it('the given messages are not changed', async () => {
    const input = Object.freeze([userMessage('Hi')])
    const { result } = await record(agentOf({ model: scriptedModel(says('Hello.')) }), input)
    expect(result.messages).toHaveLength(2)
    expect(input).toHaveLength(1)
  })
})

describe('the callbacks of an agent', () => {
  const context = { name: 'Ada' }
  type Context = typeof context

  it('the defaults are those of LoomEx', async () => {
    const model = scriptedModel(says('Hello.'))
    const agent = defineAgent({ name: 'plain', systemPrompt: 'You help.' })
    await record(agent, 'Hi', { model })
    const [request] = model.asked
    expect(request?.prompt[0]).toEqual({ role: 'system', content: 'You help.' })
    expect(request).not.toHaveProperty('temperature')
    expect(request).not.toHaveProperty('tools')
    expect(request).not.toHaveProperty('maxOutputTokens')
    expect(request).not.toHaveProperty('providerOptions')
  })

  it('callbacks are values or functions, sync or async', async () => {
    const ways = [
      <VALUE>(value: VALUE) => value,
      <VALUE>(value: VALUE) =>
        ({ name }: Context) =>
          name === 'Ada' ? value : undefined,
      <VALUE>(value: VALUE) =>
        async ({ name }: Context) =>
          name === 'Ada' ? value : undefined,
    ]
    for (const way of ways) {
      const model = scriptedModel(calls(['calculator', { expr: '1' }]), says('No.'))
      // Each form returns the type of the callback. A union of the forms has no such type.
      const definition: object = {
        systemPrompt: way('You help Ada.'),
        tools: way([calculator]),
        model: way(model),
        maxSteps: way(1),
        temperature: way(0.7),
        contextWindow: way(1000),
        extraBody: way({ seed: 7 }),
        maxOutputTokens: way(99),
      }
      const { result } = await record(agentOf<Context>(definition), 'Hi', { context })
      expect(result).toMatchObject({ outcome: 'max-steps', steps: 1 })
      expect(model.asked[0]).toMatchObject({
        prompt: [{ content: 'You help Ada.' }, {}],
        tools: [{ name: 'calculator' }],
        temperature: 0.7,
        maxOutputTokens: 99,
        providerOptions: { loom: { extraBody: { seed: 7 } }, scripted: { seed: 7 } },
      })
    }
  })

  it('callbacks and tools receive the context of the run', async () => {
    const contexts: unknown[] = []
    const greet = defineTool({
      name: 'greet',
      description: 'Greets.',
      inputSchema: z.object({}),
      execute: (_input, { context, agent, depth }) => contexts.push(context, agent, depth),
    })
    const agent = agentOf<Context>({
      tools: [greet],
      model: scriptedModel(calls(['greet', {}]), says('Hello.')),
      onStep: (_info, context) => {
        contexts.push(context)
        return 'continue'
      },
    })
    await record(agent, 'Hi', { context })
    expect(contexts).toEqual([context, 'tutor', 0, context])
  })

  it('onStep receives the step and may stop the run', async () => {
    const infos: unknown[] = []
    const agent = agentOf({
      tools: [calculator],
      model: scriptedModel([...words('Let me see.'), ...calls(['calculator', { expr: '6*7' }])]),
      onStep: async (info): Promise<StepDecision> => {
        infos.push({ ...info, messages: info.messages.length })
        return 'stop'
      },
    })
    const { result, events } = await record(agent, 'What is 6 * 7?')
    expect(result).toMatchObject({ outcome: 'stopped', steps: 1, text: 'Let me see.' })
    expect(infos).toEqual([
      {
        step: 1,
        text: 'Let me see.',
        toolCalls: [{ toolCallId: 'call-0', toolName: 'calculator', input: { expr: '6*7' } }],
        toolResults: [
          { toolCallId: 'call-0', toolName: 'calculator', output: { result: 42 }, isError: false },
        ],
        usage: result.usage,
        messages: 3,
      },
    ])
    expect(typesOf(events).slice(-4)).toEqual([
      'finish-step',
      'start-step',
      'finish-step',
      'finish',
    ])
  })

  it('onStep may replace messages, tools and model', async () => {
    const second = scriptedModel(calls(['second', {}]), says('Done.'))
    const first = scriptedModel(calls(['calculator', { expr: '1' }]))
    let used = 0
    const set = {
      second: tool({ inputSchema: z.object({}), execute: () => (used += 1) }),
    }
    const agent = agentOf({
      tools: [calculator],
      model: first,
      onStep: ({ step }) =>
        step === 1
          ? { messages: [userMessage('Start over.')], tools: set, model: second }
          : 'continue',
    })
    const { result } = await record(agent, 'Hi')
    expect(used).toBe(1)
    expect(first.asked).toHaveLength(1)
    expect(second.asked[0]?.prompt[1]).toMatchObject({ content: [{ text: 'Start over.' }] })
    expect(second.asked[0]?.tools).toMatchObject([{ name: 'second' }])
    expect(result.messages[0]).toEqual(userMessage('Start over.'))
  })

  it('an error of a callback ends the run and reaches the client', async () => {
    const agent = agentOf({
      tools: [calculator],
      model: scriptedModel(calls(['calculator', { expr: '1' }])),
      onStep: () => {
        throw new Error('no more steps')
      },
    })
    const { error, events } = await record(agent, 'Hi')
    expect(error).toMatchObject({ code: 'internal', message: 'no more steps' })
    expect(ofType(events, 'error')).toEqual([{ type: 'error', errorText: 'no more steps' }])
  })
})

describe('the loop', () => {
  const badName: ToolSet = { 'no name': tool({ inputSchema: jsonSchema({}) }) }
  const badSchema: ToolSet = { odd: tool({ inputSchema: z.object({ when: z.date() }) }) }

  it('the loop stops a model that calls tools without end', async () => {
    const model = scriptedModel(
      ...Array.from({ length: 20 }, () => calls(['calculator', { expr: '1' }])),
    )
    const { result, events } = await record(agentOf({ tools: [calculator], model }), 'Go on.')
    expect(result).toMatchObject({ outcome: 'max-steps', steps: 10, finishReason: 'tool-calls' })
    expect(model.asked).toHaveLength(10)
    // Clients that submit by themselves would post a message that ends in tool results without end.
    expect(typesOf(events).slice(-3)).toEqual(['start-step', 'finish-step', 'finish'])
    expect(events.at(-1)).toHaveProperty('messageMetadata.outcome', 'max-steps')
  })

  it('part ids are unique, also over several runs', async () => {
    const twice = [...words('One.', 'same'), finish()]
    const model = scriptedModel(
      [...words('Zero.', 'same'), ...calls(['calculator', { expr: '1' }])],
      twice,
      twice,
    )
    const agent = agentOf({ tools: [calculator], model })
    const first = await record(agent, 'Hi')
    const second = await record(agent, first.result.messages)
    const starts = [...first.events, ...second.events].filter(({ type }) => type === 'text-start')
    expect(new Set(starts.map((event) => ('id' in event ? event.id : ''))).size).toBe(3)
  })

  it('reasoning, files and sources are parts of the answer', async () => {
    const { result, events } = await record(
      agentOf({
        model: scriptedModel([
          { type: 'stream-start', warnings: [] },
          { type: 'reasoning-start', id: 'r', providerMetadata: { p: { sig: 'a' } } },
          { type: 'reasoning-delta', id: 'r', delta: 'Hm.' },
          { type: 'reasoning-end', id: 'r', providerMetadata: { p: { sig: 'b' } } },
          { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AAAA' } },
          { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com' },
          ...says('Look.'),
        ]),
      }),
      'Draw.',
    )
    expect(result.messages[1]).toEqual({
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'Hm.', providerOptions: { p: { sig: 'b' } } },
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AAAA' } },
        { type: 'text', text: 'Look.' },
      ],
    })
    expect(ofType(events, 'file')).toEqual([
      { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AAAA' },
    ])
    expect(ofType(events, 'source-url')).toHaveLength(1)
  })

  it.each([
    [{}, 'unknown-model', /has no model/],
    [{ model: 'nowhere/large' }, 'unknown-model', /nowhere/],
    [{ model: 'anthropic/claude' }, 'missing-key', /ANTHROPIC_API_KEY/],
    [{ model: 'demo/x', tools: badName }, 'invalid-config', /no name/],
    [{ model: 'demo/x', tools: badSchema }, 'invalid-config', /"odd" has no JSON form/],
  ])('the agent %o is refused before the first event', async (definition, code, message) => {
    const events: AgentEvent[] = []
    const running = run(agentOf(definition), 'Hi', {
      models,
      sink: (event) => void events.push(event),
    })
    await expect(running).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    await expect(running).rejects.toBeInstanceOf(LoomError)
    expect(events).toEqual([])
  })

  it('an error names the message without a valid form', async () => {
    const broken = JSON.parse('[{"role":"user","content":"Hi"},{"role":"narrator","content":""}]')
    const { error } = await record(agentOf({ model: scriptedModel(says('Hm.')) }), broken)
    expect(error).toMatchObject({
      code: 'invalid-request',
      message: expect.stringMatching(/^Message 1: /),
    })
  })
})
