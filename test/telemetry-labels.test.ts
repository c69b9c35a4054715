/** The labels of telemetry events: the run, the session, the message, and their places in a tree. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { agentTool, createModels, defineAgent, defineTool, Loom, run } from '../src/index.ts'
import type { Models } from '../src/model.ts'
import { run as runInSession } from '../src/runner.ts'
import { noSpending } from '../src/spending.ts'
import { answers } from './model-failures.ts'
import { noteEvents } from './noted-events.ts'
import { until } from './redis/until.ts'
import { calls, says, scriptedModel } from './scripted-model.ts'

const plainModels = createModels({ environment: {} })

/** Models that cost a dollar for the ten input tokens of a reply, and one for its five output tokens. */
const pricedModels = (named: Record<string, ReturnType<typeof scriptedModel>>): Models => ({
  ...plainModels,
  async resolve(reference) {
    const model = typeof reference === 'string' ? named[reference] : undefined
    return model ?? plainModels.resolve(reference)
  },
  facts: async () => ({ price: { input: 100_000, output: 200_000 } }),
})

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  inputSchema: z.object({}),
  execute: () => 'seen',
})

/** A planner whose two researchers work in parallel. Each one asks a checker. */
function tree() {
  const check = scriptedModel(says('Right.'), says('Right.'))
  const checker = defineAgent({ name: 'checker', systemPrompt: 'Check.', model: check })
  const research = (name: string) =>
    defineAgent({
      name,
      systemPrompt: 'Research.',
      model: scriptedModel(calls(['look', {}], ['checker', { prompt: 'Check.' }]), says('Found.')),
      tools: [look, agentTool(checker)],
    })
  const plan = scriptedModel(
    calls(['left', { prompt: 'A' }, 'call-left'], ['right', { prompt: 'B' }, 'call-right']),
    says('Done.'),
  )
  return defineAgent({
    name: 'planner',
    systemPrompt: 'Plan.',
    model: plan,
    tools: [agentTool(research('left')), agentTool(research('right'))],
  })
}

describe('the labels of a run', () => {
  it('each run of a tree has its own id, its parent and its root', async () => {
    const { noted, of } = noteEvents()
    await run(tree(), 'Go.', { messageId: 'the-message' })
    const starts = new Map(of('agent:start').map(({ metadata }) => [metadata['runId'], metadata]))
    expect(starts.size).toBe(5)
    const [planner, left, right] = ['planner', 'left', 'right'].map(
      (agent) => of('agent:start', { agent })[0]?.metadata ?? {},
    )
    const root = planner?.['runId']
    expect(planner).toEqual({
      context: undefined,
      agent: 'planner',
      runId: root,
      rootRunId: root,
      messageId: 'the-message',
    })
    expect(left).toMatchObject({ parentRunId: root, parentToolCallId: 'call-left' })
    expect(right).toMatchObject({ parentRunId: root, parentToolCallId: 'call-right' })
    expect(of('agent:start', { agent: 'checker' }).map(({ metadata }) => metadata)).toMatchObject([
      { parentRunId: left?.['runId'], parentToolCallId: 'call-1' },
      { parentRunId: right?.['runId'], parentToolCallId: 'call-1' },
    ])
    // Every event has the labels of its run.
    expect(noted.length).toBeGreaterThan(30)
    for (const { metadata } of noted) {
      expect(metadata).toMatchObject({
        runId: expect.any(String),
        rootRunId: root,
        messageId: 'the-message',
      })
      const start = starts.get(metadata['runId']) ?? {}
      for (const label of ['agent', 'parentRunId', 'parentToolCallId']) {
        expect(metadata[label]).toBe(start[label])
      }
      for (const absent of ['sessionId', 'rootSessionId', 'parentSessionId', 'principal']) {
        expect(metadata).not.toHaveProperty(absent)
      }
    }
  })

  it('a subscriber that comes late receives the same ids', async () => {
    const steps = noteEvents(['step:start'])
    const late: ReturnType<typeof noteEvents>[] = []
    const tool = defineTool({
      ...look,
      execute: () => `seen ${late.push(noteEvents(['agent:stop']))}`,
    })
    const model = scriptedModel(calls(['look', {}]), says('Done.'))
    const agent = defineAgent({ name: 'tester', systemPrompt: 'Go.', model, tools: [tool] })
    await run(agent, 'Go.')
    const ids = [...steps.noted, ...(late[0]?.noted ?? [])].map(({ metadata }) => metadata['runId'])
    expect(ids).toHaveLength(3)
    expect(new Set(ids).size).toBe(1)
  })

  it('two runs of one agent have different ids', async () => {
    const { of } = noteEvents()
    const model = scriptedModel(says('One.'), says('Two.'))
    const agent = defineAgent({ name: 'tester', systemPrompt: 'Go.', model })
    await run(agent, 'Go.', { principal: 'ada' })
    await run(agent, 'Go.')
    const [first, second] = of('agent:stop').map(({ metadata }) => metadata)
    expect(first?.['runId']).not.toBe(second?.['runId'])
    expect(first).toMatchObject({ principal: 'ada' })
    expect(second).not.toHaveProperty('principal')
  })

  it('retries and summaries have the labels of their run', async () => {
    const { noted, of } = noteEvents()
    const text = 'word '.repeat(100)
    const history = Array.from({ length: 4 }, (_, index) => [
      { role: 'user' as const, content: `${index} ${text}` },
      { role: 'assistant' as const, content: 'Yes.' },
    ]).flat()
    const model = scriptedModel(answers(500), says('Done.'))
    const summarizer = scriptedModel(...Array.from({ length: 9 }, () => says('A summary.')))
    const agent = defineAgent({
      name: 'tester',
      systemPrompt: 'Go.',
      model,
      contextWindow: 600,
      compaction: { model: summarizer },
      retry: { initialDelayMs: 1, maxDelayMs: 2 },
    })
    await run(agent, [...history, { role: 'user', content: 'Go.' }])
    expect(of('context:compact')).not.toEqual([])
    expect(of('llm:retry')).not.toEqual([])
    expect(summarizer.asked).not.toEqual([])
    expect(of('llm:start')).toHaveLength(summarizer.asked.length + 2)
    expect(of('llm:stop')).toHaveLength(summarizer.asked.length + 2)
    expect(new Set(noted.map(({ metadata }) => metadata['runId'])).size).toBe(1)
  })
})

describe('the spending of a run', () => {
  it('the end of a run has its tokens and its cost, with its sub-agents', async () => {
    const { of } = noteEvents()
    const below = defineAgent({ name: 'below', systemPrompt: 'Help.', model: 'priced/below' })
    const agent = defineAgent({
      name: 'above',
      systemPrompt: 'Lead.',
      model: 'priced/above',
      tools: [agentTool(below)],
    })
    const models = pricedModels({
      'priced/above': scriptedModel(calls(['below', { prompt: 'Help.' }]), says('Done.')),
      'priced/below': scriptedModel(says('Here.')),
    })
    const result = await run(agent, 'Go.', { models })
    const [inner, outer] = of('agent:stop').map(({ measurements }) => measurements)
    expect(inner).toMatchObject({ inputTokens: 10, outputTokens: 5, totalTokens: 15, costUsd: 2 })
    expect(outer).toMatchObject({ ...result.usage, costUsd: 6 })
    expect(result.usage.totalTokens).toBe(45)
    const costs = of('llm:stop').map(({ measurements }) => measurements['costUsd'])
    expect(costs).toEqual([2, 2, 2])
  })

  it('an unknown cost is absent', async () => {
    const { of } = noteEvents()
    const agent = defineAgent({
      name: 'tester',
      systemPrompt: 'Go.',
      model: scriptedModel(says('Done.')),
    })
    await run(agent, 'Go.')
    const [stop] = of('agent:stop')
    expect(stop?.measurements).toMatchObject({ totalTokens: 15 })
    expect(stop?.measurements).not.toHaveProperty('costUsd')
  })

  it('a turn that continues a message reports only its own spending', async () => {
    const { of } = noteEvents()
    const ask = defineTool({ name: 'ask', description: 'Asks.', inputSchema: z.object({}) })
    const model = scriptedModel(calls(['ask', {}]), says('Done.'))
    const agent = defineAgent({ name: 'tester', systemPrompt: 'Go.', model, tools: [ask] })
    await using loom = new Loom({ agents: [agent], models: plainModels })
    const session = loom.startAgent('tester')
    const { message } = await session.call('Go.')
    const reply = await session.answer('call-0', 'Yes.')
    expect((await reply.reply()).text).toBe('Done.')
    expect(of('agent:stop').map(({ measurements }) => measurements)).toMatchObject([
      { steps: 1, totalTokens: 15 },
      { steps: 1, totalTokens: 15 },
    ])
    expect(of('agent:stop').map(({ metadata }) => metadata['messageId'])).toEqual([
      message?.id,
      message?.id,
    ])
    await until(8000, 'the end of both turns', () => of('turn:stop').length === 2)
    expect(of('turn:stop').map(({ metadata }) => metadata['reason'])).toEqual([
      'waiting',
      'finished',
    ])
  })
})

describe('the labels of a session', () => {
  it('every event of a turn has the session, the message and the principal', async () => {
    const { noted, of } = noteEvents()
    const below = defineAgent({
      name: 'below',
      systemPrompt: 'Help.',
      model: scriptedModel(says('Here.')),
    })
    const help = defineTool({
      name: 'help',
      description: 'Helps.',
      inputSchema: z.object({}),
      execute: async (_, context) => (await context.run(below, 'Help.')).text,
    })
    const model = scriptedModel(calls(['help', {}]), says('Done.'))
    const agent = defineAgent({ name: 'above', systemPrompt: 'Go.', model, tools: [help] })
    await using loom = new Loom({ agents: [agent], models: plainModels })
    const session = loom.startAgent('above', '@odd/id', { principal: 'ada & co' })
    const { message } = await session.call('Go.')
    await until(8000, 'the end of the turn', () => of('turn:stop').length === 1)
    expect(noted.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['turn:start', 'agent:start', 'llm:stop', 'tool:stop', 'turn:stop']),
    )
    for (const { metadata } of noted) {
      expect(metadata).toMatchObject({
        sessionId: '@odd/id',
        rootSessionId: '@odd/id',
        messageId: message?.id,
        principal: 'ada & co',
      })
      expect(metadata).not.toHaveProperty('parentSessionId')
    }
    expect(of('agent:stop', { agent: 'below' })[0]?.metadata).toMatchObject({
      parentRunId: of('agent:stop', { agent: 'above' })[0]?.metadata['runId'],
      parentToolCallId: 'call-0',
    })
  })

  it('a session that another one started has its parent and its root', async () => {
    const { noted } = noteEvents()
    const below = defineAgent({
      name: 'below',
      systemPrompt: 'Help.',
      model: scriptedModel(says('Here.')),
    })
    const model = scriptedModel(calls(['below', { prompt: 'Help.' }]), says('Done.'))
    const agent = defineAgent({
      name: 'task',
      systemPrompt: 'Go.',
      model,
      tools: [agentTool(below)],
    })
    await runInSession(agent, 'Go.', {
      models: plainModels,
      messageId: 'm',
      session: {
        id: 'stored',
        publicId: 'task',
        tree: { parent: 'parent', root: 'root' },
        resume: {},
        spent: async () => noSpending,
        beforeStart: async () => {},
        moreMessages: async () => [],
        mayReset: async () => true,
      },
    })
    expect(noted.length).toBeGreaterThan(10)
    for (const { metadata } of noted) {
      expect(metadata).toMatchObject({
        sessionId: 'task',
        parentSessionId: 'parent',
        rootSessionId: 'root',
        messageId: 'm',
      })
    }
  })
})
