/** The effect of a model's known facts on a run. */
import type { ModelMessage } from 'ai'
import { describe, expect, it } from 'vitest'

import type { AgentDefinition } from '../src/agent.ts'
import type { ModelFacts } from '../src/model.ts'
import { answers } from './model-failures.ts'
import { agentOf, models as plainModels, record } from './recorded-run.ts'
import { says, scriptedModel } from './scripted-model.ts'

/** About 5,000 tokens in 40 messages. */
const history: ModelMessage[] = Array.from({ length: 20 }, (_, index) => [
  { role: 'user' as const, content: `${index} ${'word '.repeat(200)}` },
  { role: 'assistant' as const, content: 'Yes.' },
]).flat()
const messages: ModelMessage[] = [...history, { role: 'user', content: 'And now?' }]

/** The first request of each model with these facts. The first model fails. */
async function firstRequests(
  facts: Record<string, ModelFacts>,
  definition: Partial<AgentDefinition> = {},
) {
  const names = Object.keys(facts)
  const scripted = names.map((_name, index) =>
    scriptedModel(index + 1 < names.length ? answers(400) : says('Yes.')),
  )
  const models = {
    ...plainModels,
    resolve: async (reference: unknown) => {
      const model = scripted[names.indexOf(String(reference))]
      if (model === undefined) throw new Error('no such model')
      return model
    },
    facts: async (reference: unknown) => facts[String(reference)] ?? {},
  }
  await record(agentOf({ model: names, ...definition }), messages, { models })
  return scripted.map(({ asked }) => asked[0])
}

describe('the window of a model', () => {
  it.each<[string, ModelFacts, boolean]>([
    ['that of the list', { contextWindow: 2000 }, true],
    ['limited by its greatest prompt', { contextWindow: 200_000, maxInputTokens: 2000 }, true],
    ['large', { contextWindow: 1_000_000 }, false],
    ['unknown', {}, false],
  ])('the window of a model is %s', async (_what, facts, isShortened) => {
    const [call] = await firstRequests({ 'a/m': facts })
    const system = 1
    expect((call?.prompt.length ?? 0) < messages.length + system).toBe(isShortened)
  })

  it("the agent's window overrides the known one", async () => {
    const [small] = await firstRequests(
      { 'a/m': { contextWindow: 1_000_000 } },
      { contextWindow: 2000 },
    )
    expect(small?.prompt.length).toBeLessThan(20)
    const [none] = await firstRequests({ 'a/m': { contextWindow: 2000 } }, { contextWindow: 0 })
    expect(none?.prompt.length).toBe(messages.length + 1)
  })

  it('each model in a chain of fallbacks has its own window', async () => {
    const [first, second] = await firstRequests({
      'a/large': { contextWindow: 1_000_000 },
      'a/small': { contextWindow: 2000 },
    })
    expect(first?.prompt.length).toBe(messages.length + 1)
    expect(second?.prompt.length).toBeLessThan(20)
  })
})

describe('the temperature', () => {
  it('the temperature is only sent to models that accept one', async () => {
    const facts = { 'a/m': { temperature: false } }
    expect((await firstRequests(facts))[0]).not.toHaveProperty('temperature')
    expect((await firstRequests(facts, { temperature: 1 }))[0]).toMatchObject({ temperature: 1 })
    expect((await firstRequests({ 'a/m': {} }))[0]).not.toHaveProperty('temperature')
    expect((await firstRequests({ 'a/m': { temperature: true } }))[0]).toMatchObject({
      temperature: 0.1,
    })
  })
})
