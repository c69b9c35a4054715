import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { agentTool } from '../src/agent-tool.ts'
import type { Agent } from '../src/agent.ts'
import { defineTool } from '../src/define-tool.ts'
import { calculator } from '../tools/calculator.ts'
import { answers, connectionReset } from './model-failures.ts'
import { agentOf, ofType, record, typesOf, watchRejections } from './recorded-run.ts'
import { breaks, calls, hangs, says, type Script, scriptedModel, words } from './scripted-model.ts'

beforeEach(watchRejections)

const ask = calls(['researcher', { prompt: 'What is 6 * 7?' }])

/** Runs an agent that delegates its task to a sub-agent. */
async function delegate(below: Partial<Agent>, ...scripts: Script[]) {
  const own = scriptedModel(ask, says('It is 42.'))
  const model = scriptedModel(...scripts)
  const researcher = agentOf({ name: 'researcher', model, tools: [calculator], ...below })
  const recorded = await record(agentOf({ model: own, tools: [agentTool(researcher)] }), 'Hi')
  const toolMessage = own.asked[1]?.prompt.at(-1)
  const outputs = ofType(recorded.events, 'tool-output-available').map(({ output }) => output)
  return { ...recorded, own, model, toolMessage, outputs }
}

describe('an agent as a tool', () => {
  it('an agent tool has its name and description', async () => {
    const model = scriptedModel(says('Hello.'))
    const below = agentOf({ name: 'researcher', description: 'Looks things up.' })
    const tools = [agentTool(below), agentTool(below, { name: 'other', description: 'Another.' })]
    await record(agentOf({ model, tools }), 'Hi')
    expect(model.asked[0]?.tools).toMatchObject([
      { name: 'researcher', description: 'Looks things up.' },
      { name: 'other', description: 'Another.', inputSchema: { required: ['prompt'] } },
    ])
  })

  it('an agent tool refuses an unknown option', () => {
    const options: object = { restart: 1 }
    expect(() => agentTool(agentOf({ name: 'researcher' }), options)).toThrow(
      /agentTool\("researcher"\) have the unknown field "restart"\. Did you mean "restarts"/,
    )
  })

  it('an agent tool returns the final text of its agent', async () => {
    const { events, outputs, toolMessage, model, result } = await delegate(
      {},
      [...words('I compute.'), ...calls(['calculator', { expr: '6*7' }], ['calculator', { x: 1 }])],
      says('42, of course.'),
    )
    expect(model.asked[0]?.prompt.at(-1)).toMatchObject({
      role: 'user',
      content: [{ text: 'What is 6 * 7?' }],
    })
    expect(outputs.at(-1)).toMatchObject({
      text: '42, of course.',
      toolCalls: [
        { toolName: 'calculator', state: 'done' },
        { toolName: 'calculator', state: 'error' },
      ],
      steps: 2,
      usage: { totalTokens: 30 },
    })
    expect(toolMessage).toMatchObject({
      content: [{ output: { type: 'text', value: '42, of course.' } }],
    })
    // The sub-agent's events are not among those of the agent above.
    expect(
      ofType(events, 'text-delta')
        .map(({ delta }) => delta)
        .join(''),
    ).toBe('It is 42.')
    expect(result.text).toBe('It is 42.')
  })

  it('an agent tool reports progress as preliminary output', async () => {
    const gate = Promise.withResolvers<void>()
    const own = scriptedModel(ask, says('Done.'))
    const below = scriptedModel(async function* () {
      yield* words('Still at it.')
      await gate.promise
      yield* says(' Now.').slice(-1)
    })
    const researcher = agentOf({ name: 'researcher', model: below })
    const { events } = await record(agentOf({ model: own, tools: [agentTool(researcher)] }), 'Hi', {
      sink: (event) => {
        if (event.type === 'tool-output-available' && event.preliminary) gate.resolve()
      },
    })
    expect(ofType(events, 'tool-output-available')[0]).toMatchObject({
      preliminary: true,
      output: { text: expect.stringMatching(/^Still/), toolCalls: [] },
    })
  })

  it('an agent tool removes withdrawn text from its progress', async () => {
    const { outputs } = await delegate({}, breaks(words('Forty-'), connectionReset), says('42.'))
    expect(outputs.at(-1)).toMatchObject({ text: '42.' })
  })

  it('spending of a sub-agent counts above, also after a failure', async () => {
    const fine = await delegate({}, says('42.'))
    expect(fine.result.usage.totalTokens).toBe(45)
    const failed = await delegate({}, calls(['calculator', { expr: '1' }]), answers(400))
    expect(failed.result.usage.totalTokens).toBe(45)
    expect(failed.toolMessage).toMatchObject({
      content: [{ output: { type: 'error-text', value: 'The model answered with 400: not now' } }],
    })
    expect(failed.result.outcome).toBe('finished')
  })

  it('a sub-agent receives context, models and default model from above', async () => {
    const contexts: unknown[] = []
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      inputSchema: z.object({}),
      execute: (_input, { context, depth, agent, idempotencyKey }) => {
        contexts.push({ context, depth, agent, idempotencyKey })
        return 'seen'
      },
    })
    const model = scriptedModel(ask, calls(['look', {}]), says('Below.'), says('Above.'))
    const researcher = agentOf({ name: 'researcher', tools: [look] })
    const above = agentOf({ tools: [agentTool(researcher)] })
    const options = { context: { user: 'Ada' }, model, messageId: 'm' }
    const { result } = await record(above, 'Hi', options)
    expect(contexts).toEqual([
      {
        context: { user: 'Ada' },
        depth: 1,
        agent: 'researcher',
        idempotencyKey: 'm:call-0/1:call-0',
      },
    ])
    expect(result.text).toBe('Above.')
  })

  it('a sub-agent stops with the run above', async () => {
    const stop = new AbortController()
    const below = scriptedModel(hangs(words('Hm')))
    const researcher = agentOf({ name: 'researcher', model: below })
    const agent = agentOf({ model: scriptedModel(ask), tools: [agentTool(researcher)] })
    const { error } = await record(agent, 'Hi', {
      signal: stop.signal,
      sink: (event) => {
        if (event.type === 'tool-output-available') stop.abort()
      },
    })
    expect(error?.code).toBe('aborted')
    expect(below.asked[0]?.abortSignal?.aborted).toBe(true)
  })

  it('a sub-agent stops at its own time limit', async () => {
    const own = scriptedModel(ask, says('Too slow.'))
    const below = scriptedModel(hangs([]))
    const researcher = agentOf({ name: 'researcher', model: below })
    const agent = agentOf({ model: own, tools: [agentTool(researcher, { timeoutMs: 300 })] })
    const { events } = await record(agent, 'Hi')
    expect(ofType(events, 'tool-output-error')).toMatchObject([
      { errorText: expect.stringMatching(/^Timed out after 300 ms\./) },
    ])
    expect(below.asked[0]?.abortSignal?.aborted).toBe(true)
  })

  it('a sub-agent cannot ask a human', async () => {
    const client = defineTool({ name: 'ask', description: 'Asks.', inputSchema: z.object({}) })
    const waiting = await delegate({ tools: [client] }, calls(['ask', {}]))
    expect(waiting.toolMessage).toMatchObject({
      content: [{ output: { value: expect.stringMatching(/needs a human.*in a session/) } }],
    })
    const careful = { ...calculator, needsApproval: true }
    const refused = await delegate(
      { tools: [careful] },
      calls(['calculator', { expr: '1' }]),
      says('I may not.'),
    )
    expect(refused.outputs.at(-1)).toMatchObject({
      text: 'I may not.',
      toolCalls: [{ state: 'error' }],
    })
    expect(typesOf(refused.events)).not.toContain('tool-approval-request')
  })

  it('sub-agents are at most four levels deep', async () => {
    const depths: number[] = []
    const again = defineTool({
      name: 'again',
      description: 'Hands the task on.',
      inputSchema: z.object({}),
      execute: async (_input, { run, depth }) => {
        depths.push(depth)
        return (await run(agent, 'Go on.')).text
      },
    })
    const levels = Array.from({ length: 5 }, () => calls(['again', {}]))
    const model = scriptedModel(...levels, ...levels.map((_, level) => says(`Level ${4 - level}.`)))
    const agent: Agent = agentOf({ model, tools: [again] })
    const { result } = await record(agent, 'Go.')
    expect(depths).toEqual([0, 1, 2, 3, 4])
    expect(JSON.stringify(model.asked[5]?.prompt.at(-1))).toMatch(
      /at most 4 levels deep.*Do the work without/,
    )
    expect(result.text).toBe('Level 0.')
  })
})
