/** The scripted model of `loomkit/testing`, as the model of runs, of sessions and of the AI SDK. */
import assert from 'node:assert/strict'

import { generateText } from 'ai'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineAgent } from '../../src/agent.ts'
import { defineTool } from '../../src/define-tool.ts'
import { scriptedModel, scriptedModels } from '../../src/entries/testing.ts'
import type { AgentEvent } from '../../src/event.ts'
import { run, startAgent } from '../../src/library.ts'

const weather = defineTool({
  name: 'weather',
  description: 'Returns the weather of a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => ({ city, sky: 'rain' }),
})
const agent = defineAgent({
  name: 'forecaster',
  systemPrompt: 'Report the weather.',
  tools: [weather],
  retry: { initialDelayMs: 1 },
})
const asks = { toolCalls: [{ toolName: 'weather', input: { city: 'Oslo' } }] }

describe('a scripted model', () => {
  it('answers each call with the next step', async () => {
    const model = scriptedModel([asks, 'It rains.'])
    const { text, steps, usage } = await run(agent, 'Oslo?', { model })
    expect({ text, steps, total: usage.totalTokens }).toEqual({
      text: 'It rains.',
      steps: 2,
      total: 30,
    })
    expect(model.remaining).toBe(0)
    model.assertEnd()
  })

  it('records the prompt of each call', async () => {
    const model = scriptedModel([asks, 'It rains.'])
    await run(agent, 'Oslo?', { model })
    const [first, second] = model.calls
    expect(first).toMatchObject({
      system: 'Report the weather.',
      text: 'Oslo?',
      toolNames: ['weather'],
      toolResults: [],
    })
    expect(second?.toolResults).toEqual([
      { toolCallId: 'call-1', toolName: 'weather', output: { city: 'Oslo', sky: 'rain' } },
    ])
    expect(second?.prompt.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool'])
  })

  it('computes a reply from the call', async () => {
    const model = scriptedModel([asks, ({ toolResults }) => `Found ${toolResults.length}.`])
    expect((await run(agent, 'Oslo?', { model })).text).toBe('Found 1.')
  })

  it('fails the run without a retry if a check in a step fails', async () => {
    const model = scriptedModel([
      ({ system }) => {
        assert.match(system, /friendly/)
        return 'Hello.'
      },
      'Never.',
    ])
    await expect(run(agent, 'Hi', { model })).rejects.toMatchObject({
      code: 'model-failed',
      message: expect.stringContaining('A step of scripted/model failed'),
    })
    expect(model.remaining).toBe(1)
    expect(() => model.assertEnd()).toThrow(/friendly/)
  })

  it('reports a script that is too short, with the end of the prompt', async () => {
    const model = scriptedModel([asks])
    await expect(run(agent, 'Oslo?', { model })).rejects.toThrow(
      /too short: it has 1 step, and this is call 2\..*tool .*Oslo/,
    )
  })

  it('reports a missing step also if the agent hides the error', async () => {
    const model = scriptedModel([])
    const polite = { ...agent, onError: () => ({ reply: 'Later.' }) }
    expect((await run(polite, 'Oslo?', { model })).text).toBe('Later.')
    expect(() => model.assertEnd()).toThrow(/too short/)
  })

  it('lists the steps that no call used', async () => {
    const model = scriptedModel(['Hello.', asks, { error: { status: 503 } }])
    await run(agent, 'Hi', { model })
    expect(() => model.assertEnd()).toThrow(
      /step 2 of 3: call weather {"city":"Oslo"}\n +step 3 of 3: error The scripted model failed\./,
    )
  })

  it('fails as a provider does, and the runner retries', async () => {
    const failures: string[] = []
    const model = scriptedModel([{ error: { status: 503 } }, { error: {} }, 'Hello.'])
    expect((await run(agent, 'Hi', { model })).text).toBe('Hello.')
    const refusing = scriptedModel([{ error: { status: 401, message: 'no such key' } }])
    await run(agent, 'Hi', { model: refusing }).catch(({ message }) => failures.push(message))
    expect(failures).toEqual(['The model answered with 401: no such key'])
  })

  it('breaks off after its content', async () => {
    const events: AgentEvent[] = []
    const model = scriptedModel([{ text: 'It r', error: {} }, 'It rains.'])
    await run(agent, 'Oslo?', { model, sink: (event) => void events.push(event) })
    expect(events.map(({ type }) => type)).toContain('reset-step')
  })

  it('hangs until the call is aborted', async () => {
    const stop = new AbortController()
    const model = scriptedModel([{ text: 'It', hangs: true }])
    const sink = ({ type }: AgentEvent) => {
      if (type === 'text-delta') stop.abort()
    }
    await expect(run(agent, 'Oslo?', { model, sink, signal: stop.signal })).rejects.toMatchObject({
      code: 'aborted',
      result: { text: 'It' },
    })
  })

  it.each([
    [undefined, ['It ', 'rains ', '🌧️🌧️.']],
    [4, ['It r', 'ains', ' 🌧️🌧', '️.']],
  ])('sends chunks of %s characters', async (chunkSize, expected) => {
    const deltas: string[] = []
    const model = scriptedModel([
      { text: 'It rains 🌧️🌧️.', ...(chunkSize !== undefined && { chunkSize }) },
    ])
    const { stream } = await model.doStream({ prompt: [] })
    for await (const part of stream) if (part.type === 'text-delta') deltas.push(part.delta)
    expect(deltas).toEqual(expected)
  })

  it('reports its reasoning, usage and finish reason', async () => {
    const model = scriptedModel([
      {
        reasoning: 'Short.',
        text: 'It',
        finishReason: 'length',
        usage: { inputTokens: 90, cachedInputTokens: 80, outputTokens: 7, reasoningTokens: 5 },
      },
    ])
    const { finishReason, usage } = await run(agent, 'Oslo?', { model })
    expect(finishReason).toBe('length')
    expect(usage).toMatchObject({ inputTokens: 90, outputTokens: 7, totalTokens: 97 })
  })

  it('gives malformed input to the tool check', async () => {
    const model = scriptedModel([
      { toolCalls: [{ toolName: 'weather', input: '{"city": 7}' }] },
      'Sorry.',
    ])
    await run(agent, 'Oslo?', { model })
    expect(JSON.stringify(model.calls[1]?.toolResults)).toContain('city')
  })

  it('serves a session', async () => {
    const model = scriptedModel([asks, 'It rains.', 'Still rain.'])
    await using session = startAgent({ ...agent, model })
    expect((await session.call('Oslo?')).text).toBe('It rains.')
    expect((await session.call('And now?')).text).toBe('Still rain.')
    model.assertEnd()
  })

  it('also serves generateText of the AI SDK', async () => {
    const model = scriptedModel([{ reasoning: 'Hm.', text: 'Hello.' }])
    const { text, reasoningText } = await generateText({ model, prompt: 'Hi' })
    expect({ text, reasoningText }).toEqual({ text: 'Hello.', reasoningText: 'Hm.' })
  })
})

describe('scripted models by name', () => {
  const named = { ...agent, model: ['openai/gpt-5-mini', 'openai/gpt-5'] }

  it('serve agents that name their model', async () => {
    const down = scriptedModel([{ error: { status: 400 } }])
    const models = scriptedModels({
      'openai/gpt-5-mini': down,
      'openai/gpt-5': scriptedModel(['Hi.']),
    })
    expect((await run(named, 'Hi', { models })).text).toBe('Hi.')
    expect((await models.search({ query: 'mini' })).models.map(({ id }) => id)).toEqual([
      'openai/gpt-5-mini',
    ])
  })

  it('refuse other names', async () => {
    const models = scriptedModels({ 'openai/gpt-5': scriptedModel([]) })
    await expect(run({ ...agent, model: 'openai/o9' }, 'Hi', { models })).rejects.toMatchObject({
      code: 'unknown-model',
      message: 'The test has no scripted model "openai/o9". It has: openai/gpt-5.',
    })
  })

  it('have the facts that a test gives them', async () => {
    const model = scriptedModel(['Hi.'])
    const models = scriptedModels(
      { 'a/b': model },
      { 'a/b': { price: { input: 1_000_000, output: 0 } } },
    )
    const { cost } = await run({ ...agent, model: 'a/b' }, 'Hi', { models })
    expect(cost?.usd).toBe(10)
  })
})
