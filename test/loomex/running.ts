/** What a run, a session and the models do by themselves. */
import { once } from 'node:events'

import { expect } from 'vitest'
import { z } from 'zod'

import { scriptedModel, scriptedModels, type ScriptedStep } from '../../src/entries/testing.ts'
import { fieldOf } from '../../src/ground/fields.ts'
import {
  type AgentDefinition,
  agentTool,
  createModels,
  defineAgent,
  defineTool,
  Registry,
  run,
  startAgent,
} from '../../src/index.ts'
import { calculator } from '../../tools/calculator.ts'
import { bodyServer } from './body-server.ts'
import type { Checks } from './row.ts'

const sumOf = (...expressions: string[]) => ({
  toolCalls: expressions.map((expr) => ({ toolName: 'calculator', input: { expr } })),
})

function adder(steps: readonly ScriptedStep[], more: Partial<AgentDefinition> = {}) {
  const model = scriptedModel(steps)
  const tools = [calculator]
  return {
    model,
    agent: defineAgent({ name: 'adder', systemPrompt: 'Add.', tools, model, ...more }),
  }
}

export const runChecks: Checks = {
  'the automatic tool loop': async () => {
    const { agent, model } = adder([sumOf('1+1'), sumOf('2+2'), 'Two and four.'])
    expect(await run(agent, 'Add.')).toMatchObject({ text: 'Two and four.', steps: 3 })
    expect(model.calls[2]?.toolResults).toMatchObject([{ output: { result: 4 } }])
  },

  'parallel tools (`Task.Supervisor`)': async () => {
    let running = 0
    let most = 0
    const all = new EventTarget()
    const meet = defineTool({
      name: 'meet',
      description: 'Waits for the other calls.',
      inputSchema: z.object({ fails: z.boolean() }),
      execute: async ({ fails }) => {
        most = Math.max(most, ++running)
        if (running === 3) all.dispatchEvent(new Event('met'))
        else await once(all, 'met', { signal: AbortSignal.timeout(10_000) })
        if (fails) throw new Error('It failed.')
        return 'met'
      },
    })
    const toolCalls = [false, true, false].map((fails) => ({ toolName: 'meet', input: { fails } }))
    const { agent, model } = adder([{ toolCalls }, 'Done.'], { tools: [meet] })
    expect((await run(agent, 'Meet.')).text).toBe('Done.')
    expect(most).toBe(3)
    const outputs = model.calls[1]?.toolResults.map(({ output }) => output)
    expect(outputs).toEqual(['met', expect.stringContaining('It failed.'), 'met'])

    let together = 0
    let mostTogether = 0
    const alone = defineTool({
      name: 'alone',
      description: 'Gives the other calls a chance to run.',
      inputSchema: z.object({}),
      execute: async () => {
        mostTogether = Math.max(mostTogether, ++together)
        await new Promise((resolve) => setImmediate(resolve))
        together--
      },
    })
    const twice = [1, 2].map(() => ({ toolName: 'alone', input: {} }))
    const single = adder([{ toolCalls: twice }, 'Done.'], { tools: [alone], toolConcurrency: 1 })
    await run(single.agent, 'Go.')
    expect(mostTogether).toBe(1)
  },

  '`LoomEx.Context.maybe_compact()` keeps calls with their results': async () => {
    const steps = Array.from({ length: 8 }, (_, index) => sumOf(`${index}+1${'+0'.repeat(400)}`))
    const { agent, model } = adder([...steps, 'Done.'], {
      contextWindow: 1500,
      compaction: { summarise: false },
    })
    const { messages } = await run(agent, 'Add.')
    const sizes = model.calls.map(({ prompt }) => JSON.stringify(prompt).length)
    expect(sizes.at(-1)).toBeLessThan(JSON.stringify(messages).length / 2)
    for (const { prompt } of model.calls) {
      const parts = prompt.flatMap(({ content }): object[] =>
        typeof content === 'string' ? [] : [...content],
      )
      const ids = (type: string) =>
        parts
          .filter((part) => fieldOf(part, 'type') === type)
          .map((part) => fieldOf(part, 'toolCallId'))
      expect(ids('tool-result')).toEqual(ids('tool-call'))
    }
  },

  '`LoomEx.LLM.Retry` (429, 503, a broken connection)': async () => {
    const { agent, model } = adder(
      [{ error: { status: 429 } }, { error: { status: 503 } }, { error: {} }, 'Hello.'],
      { retry: { initialDelayMs: 1, maxDelayMs: 8 } },
    )
    expect((await run(agent, 'Hi')).text).toBe('Hello.')
    expect(model.calls).toHaveLength(4)
  },

  '`LoomEx.LLM.Client`': async () => {
    await using server = await bodyServer()
    const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'up/some-model' })
    expect((await run(agent, 'Hi', { models: server.models })).text).toBe('Hello.')
    expect(server.requests[0]?.path).toBe('/v1/chat/completions')
    expect(server.bodies[0]).toMatchObject({ model: 'some-model', stream: true })
  },

  '`LoomEx.LLM.Provider`': async () => {
    const models = createModels({ environment: { FIREWORKS_API_KEY: 'key' } })
    const { modelId } = await models.resolve('fireworks/accounts/fireworks/models/kimi-k2p5')
    expect(modelId).toBe('accounts/fireworks/models/kimi-k2p5')
    await expect(models.resolve('openai/gpt-5')).rejects.toThrow('OPENAI_API_KEY')
    await expect(models.resolve('nobody/gpt-5')).rejects.toMatchObject({ code: 'unknown-model' })
  },

  '`LoomEx.Models`, with the list of models.dev': async () => {
    const models = createModels({ environment: {}, registry: new Registry() })
    expect((await models.search({ limit: 1 })).total).toBeGreaterThan(4000)
    expect(await models.facts('openai/gpt-5-mini')).toMatchObject({
      contextWindow: 400_000,
      price: { input: expect.any(Number), output: expect.any(Number) },
      temperature: false,
    })
  },

  '"You always know what the LLM sees"': async () => {
    const { agent, model } = adder(['Hello.', 'Hello again.'])
    await using session = startAgent(agent)
    await session.call('Hi')
    const { prompt } = await session.prompt()
    await session.call('Hi again')
    expect(model.calls[1]?.prompt.slice(0, -1)).toMatchObject(prompt)
  },

  'a GenServer does one call after the other': async () => {
    let asked = 0
    const step = async () => {
      expect(++asked).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      asked--
      return 'Done.'
    }
    const { agent, model } = adder([step, step, step])
    await using session = startAgent(agent)
    await Promise.all(['One', 'Two', 'Three'].map((text) => session.call(text)))
    model.assertEnd()
    const roles = (await session.messages()).map(({ role }) => role)
    expect(roles).toEqual(['user', 'assistant', 'user', 'assistant', 'user', 'assistant'])
  },

  'a sub-agent in a tool': async () => {
    const models = scriptedModels({ 'up/child': scriptedModel([sumOf('6*7'), 'It is 42.']) })
    const child = defineAgent({
      name: 'child',
      systemPrompt: 'Add.',
      tools: [calculator],
      model: 'up/child',
    })
    const toolCalls = [{ toolName: 'child', input: { prompt: 'Add.' } }]
    const { agent, model } = adder([{ toolCalls }, 'Done.'], { tools: [agentTool(child)] })
    const result = await run(agent, 'Delegate.', { models })
    expect(model.calls[1]?.toolResults).toMatchObject([{ output: 'It is 42.' }])
    expect(result.usage).toMatchObject({ inputTokens: 40 })
  },

  'a sub-agent as a supervised process': async () => {
    const models = scriptedModels({
      'up/child': scriptedModel([
        { error: { message: 'The child crashed.', retryable: false } },
        'The second child answers.',
      ]),
    })
    const child = defineAgent({ name: 'child', systemPrompt: 'Add.', model: 'up/child' })
    const toolCalls = [{ toolName: 'child', input: { prompt: 'Add.' } }]
    const { agent, model } = adder([{ toolCalls }, 'Done.'], {
      tools: [agentTool(child, { restarts: 1 })],
    })
    const session = startAgent(agent, { models })
    await session.call('Delegate.')
    expect(model.calls[1]?.toolResults).toMatchObject([{ output: 'The second child answers.' }])
    expect(await session.tasks()).toMatchObject([{ agent: 'child', state: 'finished' }])
    await session.close()
  },
}
