/** The spending of a turn, its reports, and the end of a turn at its budget. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { agentTool } from '../src/agent-tool.ts'
import { defineTool } from '../src/define-tool.ts'
import type { AgentEvent, EventOf } from '../src/event.ts'
import { userMessage } from '../src/message.ts'
import type { Models } from '../src/model.ts'
import { run } from '../src/runner.ts'
import type { SessionHooks } from '../src/runner/session-hooks.ts'
import { noSpending, spendingIn } from '../src/spending.ts'
import { within } from './deadline.ts'
import { answers } from './model-failures.ts'
import { agentOf, models as plainModels, record, type Recorded } from './recorded-run.ts'
import { breaks, calls, says, scriptedModel, words } from './scripted-model.ts'

const again = defineTool({
  name: 'again',
  description: 'Goes on.',
  inputSchema: z.object({}),
  execute: () => 'more',
})

/** A dollar for the ten input tokens, one for the five output tokens. `unlisted/…` has no known price. */
const price = { input: 100_000, output: 200_000 }

/** Models by name, without a registry. */
function modelsOf(named: Record<string, ReturnType<typeof scriptedModel>>): Models {
  return {
    ...plainModels,
    async resolve(reference) {
      const model = typeof reference === 'string' ? named[reference] : undefined
      return model ?? plainModels.resolve(reference)
    },
    async facts(reference) {
      return typeof reference === 'string' && reference.startsWith('priced/') ? { price } : {}
    },
  }
}

const loop = () => Array.from({ length: 20 }, () => calls(['again', {}]))
const metadataOf = ({ events }: Recorded) => {
  const finish = events.find((event): event is EventOf<'finish'> => event.type === 'finish')
  return finish?.messageMetadata
}
/** Two dollars. */
const step = {
  usage: {
    inputTokens: 10,
    outputTokens: 5,
    totalTokens: 15,
    cachedInputTokens: 2,
    reasoningTokens: 1,
  },
  cost: { usd: 2 },
}

describe('the cost of a turn', () => {
  it('the cost is reported for each step and in total', async () => {
    const models = modelsOf({ 'priced/m': scriptedModel(calls(['again', {}]), says('Done.')) })
    const run = await record(agentOf({ model: 'priced/m', tools: [again] }), 'Hi', { models })
    expect(run.result.cost).toEqual({ usd: 4 })
    expect(metadataOf(run)).toMatchObject({
      cost: { usd: 4 },
      usage: { totalTokens: 30 },
      stepUsage: [
        { model: 'priced/m', ...step },
        { model: 'priced/m', ...step },
      ],
    })
    expect(run.message.metadata).toMatchObject({ cost: { usd: 4 } })
  })

  it("the total cost is absent if one step's cost is unknown", async () => {
    const priced = scriptedModel(calls(['again', {}]))
    const models = modelsOf({ 'priced/m': priced, 'unlisted/m': scriptedModel(says('Done.')) })
    const agent = agentOf({
      model: 'priced/m',
      tools: [again],
      onStep: () => ({ model: 'unlisted/m' }),
    })
    const run = await record(agent, 'Hi', { models })
    expect(run.result).not.toHaveProperty('cost')
    expect(metadataOf(run)).not.toHaveProperty('cost')
    expect(metadataOf(run)).toMatchObject({
      stepUsage: [{ cost: { usd: 2 } }, { model: 'unlisted/m', usage: { totalTokens: 15 } }],
    })
  })

  it('a failure without content is free; a broken reply has an unknown cost', async () => {
    const free = modelsOf({ 'priced/m': scriptedModel(answers(500), says('Done.')) })
    const agent = agentOf({ model: 'priced/m' })
    expect((await record(agent, 'Hi', { models: free })).result.cost).toEqual({ usd: 2 })
    const broken = modelsOf({
      'priced/m': scriptedModel(breaks(words('Half a'), answers(500)), says('Done.')),
    })
    expect((await record(agent, 'Hi', { models: broken })).result).not.toHaveProperty('cost')
  })

  it("a reply from `onError` does not count as the model's", async () => {
    const models = modelsOf({ 'priced/m': scriptedModel(answers(400)) })
    const agent = agentOf({ model: 'priced/m', onError: () => ({ reply: 'Sorry.' }) })
    const { result } = await record(agent, 'Hi', { models })
    expect(result).toMatchObject({ text: 'Sorry.', usage: { totalTokens: 0 } })
    expect(result).not.toHaveProperty('cost')
  })

  it('`onStep` receives the cost', async () => {
    const models = modelsOf({ 'priced/m': scriptedModel(...loop()) })
    const costs: unknown[] = []
    const agent = agentOf({
      model: 'priced/m',
      tools: [again],
      maxSteps: 2,
      onStep: ({ cost }) => {
        costs.push(cost)
        return 'continue'
      },
    })
    await record(agent, 'Hi', { models })
    expect(costs).toEqual([{ usd: 2 }, { usd: 4 }])
  })
})

describe('a budget', () => {
  it.each([
    [{ maxCost: 5 }, 3, 'max-cost', 'This turn has cost $6, and its budget is $5.'],
    [{ maxCost: 4 }, 2, 'max-cost', 'This turn has cost $4, and its budget is $4.'],
    [{ maxTokens: 40 }, 3, 'max-tokens', 'This turn has used 45 tokens, and its budget is 40.'],
    [
      { sessionBudget: { maxCost: 1 } },
      1,
      'max-cost',
      'This session has cost $2, and its budget is $1.',
    ],
    [{ maxCost: () => 1 }, 1, 'max-cost', 'This turn has cost $2, and its budget is $1.'],
  ])(
    'a budget ends a turn after the step that exceeds it: %j',
    async (budget, steps, outcome, reason) => {
      const models = modelsOf({ 'priced/m': scriptedModel(...loop()) })
      const agent = agentOf({ model: 'priced/m', tools: [again], ...budget })
      const run = await record(agent, 'Hi', { models })
      expect(run.error).toBeUndefined()
      expect(run.result).toMatchObject({ steps, outcome, reason })
      expect(metadataOf(run)).toMatchObject({ outcome, reason })
    },
  )

  it('a budget does not cut off an answer', async () => {
    const models = modelsOf({ 'priced/m': scriptedModel(says('Done.')) })
    const agent = agentOf({ model: 'priced/m', maxCost: 0.01, maxTokens: 1 })
    const run = await record(agent, 'Hi', { models })
    expect(run.result).toMatchObject({ outcome: 'finished', text: 'Done.' })
    expect(metadataOf(run)).not.toHaveProperty('reason')
  })

  it('a money budget ignores unpriced models; a token budget does not', async () => {
    const models = modelsOf({ 'unlisted/m': scriptedModel(...loop()) })
    const agent = agentOf({ model: 'unlisted/m', tools: [again], maxCost: 0.01, maxTokens: 100 })
    const { result } = await record(agent, 'Hi', { models })
    expect(result).toMatchObject({ outcome: 'max-tokens', steps: 7 })
  })

  it("a budget covers sub-agents, whose spending is the turn's", async () => {
    const models = modelsOf({
      'priced/boss': scriptedModel(calls(['helper', { prompt: 'Go.' }]), says('Done.')),
      'priced/helper': scriptedModel(...loop()),
    })
    const helper = agentOf({ name: 'helper', model: 'priced/helper', tools: [again] })
    const agent = agentOf({ model: 'priced/boss', tools: [agentTool(helper)], maxCost: 7 })
    const run = await record(agent, 'Hi', { models })
    // One step of the run and three of the sub-agent: 8 dollars.
    expect(run.result).toMatchObject({ outcome: 'max-cost', steps: 1, cost: { usd: 8 } })
    expect(metadataOf(run)).toMatchObject({
      stepUsage: [{ model: 'priced/boss', usage: { totalTokens: 60 }, cost: { usd: 8 } }],
    })
  })
})

describe('the budget of a session', () => {
  const hooks = (more: Partial<SessionHooks>): SessionHooks => ({
    id: 'session',
    publicId: 'session',
    resume: {},
    beforeStart: async () => undefined,
    moreMessages: async () => [],
    mayReset: async () => false,
    spent: async () => noSpending,
    ...more,
  })
  const spent = { ...noSpending, usd: 3, usage: { ...noSpending.usage, totalTokens: 50 } }

  it('a session budget counts the spending of earlier turns', async () => {
    const models = modelsOf({ 'priced/m': scriptedModel(...loop()) })
    const agent = agentOf({ model: 'priced/m', tools: [again], sessionBudget: { maxCost: 6 } })
    const { result } = await record(agent, 'Hi', {
      models,
      session: hooks({ spent: async () => spent }),
    })
    expect(result).toMatchObject({ steps: 2, cost: { usd: 4 }, outcome: 'max-cost' })
    expect(result.reason).toBe('This session has cost $7, and its budget is $6.')
  })

  it('a session without budget returns an error instead of an empty answer', async () => {
    const models = modelsOf({ 'priced/m': scriptedModel(says('Never said.')) })
    const agent = agentOf({ model: 'priced/m', sessionBudget: { maxTokens: 50 } })
    const run = await record(agent, 'Hi', { models, session: hooks({ spent: async () => spent }) })
    expect(run.error).toMatchObject({ code: 'over-budget', status: 402 })
    expect(run.error?.message).toBe('This session has used 50 tokens, and its budget is 50.')
    expect(run.result.steps).toBe(0)
  })

  it('budgets count the cost of a message before its takeover', async () => {
    const models = modelsOf({ 'priced/m': scriptedModel(...loop()) })
    const agent = agentOf({ model: 'priced/m', tools: [again], maxCost: 5 })
    const steps = [{ model: 'priced/m', usage: spent.usage, cost: { usd: 3 } }]
    const resume = { started: true, spent: { spending: spent, steps } }
    const events: AgentEvent[] = []
    const last: unknown[] = []
    const result = await run(agent, 'Hi', {
      models,
      session: hooks({ resume }),
      sink: (event) => void events.push(event),
    })
    expect(result).toMatchObject({ steps: 1, cost: { usd: 5 }, outcome: 'max-cost' })
    // A later turn of the message may know less of its cost, and metadata is merged.
    const unlisted = modelsOf({
      'priced/m': scriptedModel(),
      'unlisted/m': scriptedModel(says('Done.')),
    })
    const blind = await run(agentOf({ model: 'unlisted/m' }), 'Hi', {
      models: unlisted,
      session: hooks({ resume }),
      sink: (event) => void last.push(event),
    })
    expect(blind).not.toHaveProperty('cost')
    expect(last.at(-1)).toMatchObject({ type: 'finish', messageMetadata: { cost: null } })
    // Each step is reported before its calls run, so that another process can count it after a takeover.
    const index = events.findIndex(({ type }) => type === 'message-metadata')
    expect(events.slice(index)).toMatchObject([
      { type: 'message-metadata', messageMetadata: { stepUsage: [steps[0], step] } },
      { type: 'tool-output-available' },
      { type: 'finish-step' },
      { type: 'start-step' },
      { type: 'finish-step' },
      { type: 'finish' },
    ])
  })

  it('budgets count sub-agents and summaries of a dead process', async () => {
    const models = modelsOf({ 'priced/m': scriptedModel(calls(['helper', { prompt: 'Do.' }])) })
    const gate = Promise.withResolvers<void>()
    const helper = agentOf({
      name: 'helper',
      model: scriptedModel(calls(['again', {}], ['wait', {}]), says('Done.')),
      tools: [again, { ...again, name: 'wait', execute: () => gate.promise }],
    })
    const stop = new AbortController()
    let tokens: unknown
    const ended = run(agentOf({ model: 'priced/m', tools: [agentTool(helper)] }), 'Hi', {
      models,
      signal: stop.signal,
      session: hooks({}),
      sink(event) {
        if (event.type !== 'message-metadata') return
        tokens = event.messageMetadata
        if (spendingIn(tokens).usage.totalTokens === 30) stop.abort()
      },
    })
    await expect(within(8000, 'the spending of the sub-agent', ended)).rejects.toThrow()
    expect(tokens).toMatchObject({ usage: { totalTokens: 30 }, stepUsage: [{}] })

    const history = Array.from({ length: 20 }, () => userMessage('word '.repeat(500)))
    const writer = scriptedModel(...Array.from({ length: 9 }, () => says('So far.')))
    const long = agentOf({
      model: scriptedModel(says('Hi.')),
      contextWindow: 8000,
      compaction: { model: writer },
    })
    const events: AgentEvent[] = []
    await run(long, [...history, userMessage('Hi')], {
      models: plainModels,
      session: hooks({}),
      sink: (event) => void events.push(event),
    })
    expect(events.slice(1, 4)).toMatchObject([
      { type: 'start-step' },
      {
        type: 'message-metadata',
        messageMetadata: { usage: { totalTokens: writer.asked.length * 15 } },
      },
      { type: 'text-start' },
    ])
    expect(writer.asked.length).toBeGreaterThan(0)
  })
})
