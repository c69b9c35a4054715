/** The callbacks of an agent and their defaults: each check sets the field that its row names. */
import { expect } from 'vitest'

import { scriptedModel, scriptedModels } from '../../src/entries/testing.ts'
import { type Agent, defineAgent, type ModelFacts, run, type StepInfo } from '../../src/index.ts'
import { calculator } from '../../tools/calculator.ts'
import { bodyServer } from './body-server.ts'
import { answerOf } from './http.ts'
import { agentWith, type Checks, type Context, context, loomName, type Row } from './row.ts'

const sum = { toolCalls: [{ toolName: 'calculator', input: { expr: '1+1' } }] }

/** The number in the column of defaults: `128,000` is 128000. */
const defaultIn = ([, , cell = '']: Row): number =>
  Number((/[\d.,]*\d/.exec(cell)?.[0] ?? '').replaceAll(',', ''))

/** A value of a field that reads the context, as a callback of LoomEx does. */
const ofUser =
  <VALUE>(value: VALUE) =>
  (given: { user: string }) => {
    expect(given).toEqual(context)
    return value
  }

export const callbackChecks: Checks = {
  '`system_prompt(ctx)`': async (row) => {
    const prompt = ({ user }: { user: string }) => `You teach ${user}.`
    const model = scriptedModel(['Hello.'])
    await run(agentWith(loomName(row), prompt, { model }), 'Hi', { context })
    expect(model.calls[0]?.system).toBe('You teach Ada.')
    expect(row[2]).toBe('required')
    expect(() => agentWith(loomName(row), undefined)).toThrow(/needs a systemPrompt/)
  },

  '`tools()`': async (row) => {
    const model = scriptedModel([sum, 'Two.', 'Hello.'])
    const { text } = await run(agentWith(loomName(row), [calculator], { model }), 'Add.', {
      context,
    })
    expect(text).toBe('Two.')
    expect(model.calls[1]?.toolResults[0]?.output).toMatchObject({ result: 2 })
    expect(row[2]).toMatch(/^none/)
    await run(defineAgent({ name: 'plain', systemPrompt: 'You teach.', model }), 'Hi')
    expect(model.calls[2]?.toolNames).toEqual([])
  },

  '`model()`': async (row) => {
    const plain = defineAgent({ name: 'tutor', systemPrompt: 'You teach.' })
    const own = { ...plain, [loomName(row)]: 'demo/echo' }
    expect(await answerOf(own, 'Say this', { LOOM_MODEL: 'demo/assistant' })).toBe('Say this')
    expect(row[2]).toMatch(/^`LOOM_MODEL`/)
    expect(await answerOf(plain, 'Say that', { LOOM_MODEL: 'demo/echo' })).toBe('Say that')
  },

  '`max_steps()`': async (row) => {
    const stepsWith = async (more: object) => {
      const model = scriptedModel(Array.from({ length: 30 }, () => sum))
      const agent = defineAgent({ name: 'adder', systemPrompt: 'Add.', tools: [calculator], model })
      const { steps, outcome } = await run({ ...agent, ...more }, 'Add for ever.')
      expect(outcome).toBe('max-steps')
      return steps
    }
    expect(await stepsWith({})).toBe(defaultIn(row))
    expect(await stepsWith({ [loomName(row)]: 3 })).toBe(3)
  },

  '`temperature()`': async (row) => {
    const sent = async (facts: ModelFacts, more: object = {}) => {
      const model = scriptedModel(['Hello.'])
      const models = scriptedModels({ 'up/x': model }, { 'up/x': facts })
      const agent = defineAgent({ name: 'tutor', systemPrompt: 'You teach.', model: 'up/x' })
      await run({ ...agent, ...more }, 'Hi', { models })
      return model.calls[0]?.options.temperature
    }
    expect(await sent({ temperature: true })).toBe(defaultIn(row))
    expect(await sent({})).toBeUndefined()
    expect(await sent({}, { [loomName(row)]: 0.7 })).toBe(0.7)
  },

  '`context_window()`': async (row) => {
    const windowOf = async (facts: ModelFacts, more: object = {}) => {
      let seen: number | undefined
      const models = scriptedModels({ 'up/x': scriptedModel(['Hello.']) }, { 'up/x': facts })
      const agent = defineAgent({
        name: 'reader',
        systemPrompt: 'Read.',
        model: 'up/x',
        compaction: (messages, { contextWindow }) => {
          seen = contextWindow
          return messages.slice(-1)
        },
      })
      const long = { role: 'user' as const, content: 'word '.repeat(200_000) }
      const messages = [long, { role: 'assistant' as const, content: 'Yes.' }]
      const last = { role: 'user' as const, content: 'Go on.' }
      await run({ ...agent, ...more }, [...messages, last], { models })
      return seen
    }
    expect(await windowOf({})).toBe(defaultIn(row))
    expect(await windowOf({ contextWindow: 64_000 })).toBe(64_000)
    expect(await windowOf({ contextWindow: 64_000 }, { [loomName(row)]: 32_000 })).toBe(32_000)
  },

  '`extra_body()`': async (row) => {
    await using server = await bodyServer()
    const fields = { top_k: 40, user: 'Ada' }
    const ask = async (agent: Agent<Context>) => {
      await run(agent, 'Hi', { models: server.models, context })
      return server.bodies.at(-1)
    }
    const model = 'up/x'
    const plain = await ask(agentWith('model', model))
    const more = await ask(agentWith(loomName(row), ofUser(fields), { model }))
    expect(row[2]).toBe('`{}`')
    expect(more).toEqual({ ...plain, ...fields })
  },

  '`on_step(info, ctx)`': async (row) => {
    const infos: StepInfo[] = []
    const model = scriptedModel([sum, 'Two.', sum, 'Never.'])
    const adder = { tools: [calculator], model }
    const step = async (decision: string) => {
      const onStep = (info: StepInfo, given: unknown) => {
        expect(given).toEqual(context)
        infos.push(info)
        return decision
      }
      return run(agentWith(loomName(row), onStep, adder), 'Add.', { context })
    }
    expect(row[2]).toBe("`'continue'`")
    expect(await step('continue')).toMatchObject({ steps: 2, text: 'Two.', outcome: 'finished' })
    expect(await step('stop')).toMatchObject({ steps: 1, outcome: 'stopped' })
    expect(infos.map(({ step }) => step)).toEqual([1, 1])
  },

  '`on_error(error, ctx)`': async (row) => {
    const broken = () => scriptedModel([{ error: { status: 400, message: 'No.' } }, 'Hello.'])
    const plain = defineAgent({ name: 'tutor', systemPrompt: 'You teach.', model: broken() })
    expect(row[2]).toBe("`'stop'`")
    await expect(run(plain, 'Hi')).rejects.toMatchObject({ code: 'model-failed' })
    const decide = (decision: unknown) => {
      const onError = (error: Error, given: unknown) => {
        expect([error.message, given]).toEqual([expect.stringContaining('No.'), context])
        return decision
      }
      return run(agentWith(loomName(row), onError, { model: broken() }), 'Hi', { context })
    }
    await expect(decide('stop')).rejects.toMatchObject({ code: 'model-failed' })
    expect(await decide('retry')).toMatchObject({ text: 'Hello.' })
    expect(await decide({ reply: 'Later.' })).toMatchObject({ text: 'Later.' })
  },
}
