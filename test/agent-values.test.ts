/** Agents without types: wrong values, and callbacks that return nonsense, throw, or never return. */
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import type { AgentDefinition } from '../src/agent.ts'
import { run } from '../src/runner.ts'
import { human } from '../tools/human.ts'
import { within } from './deadline.ts'
import { toolOf } from './one-step.ts'
import { agentOf, models, record, watchRejections } from './recorded-run.ts'
import { calls, says, scriptedModel } from './scripted-model.ts'

beforeEach(watchRejections)

/** The fields of an agent of a JavaScript file. */
const untyped = (fields: object): Partial<AgentDefinition> => fields

const never = () => new Promise<never>(() => {})
const search = toolOf(() => 'found', { name: 'search' })
const model = () => scriptedModel(calls(['search', {}]), says('Done.'))

/** Runs an agent with these fields. Returns its error. */
async function failureOf(fields: object): Promise<unknown> {
  const agent = agentOf({ tools: [search], model: model(), ...untyped(fields) })
  const running = run(agent, 'Go.', { models })
  return within(
    30_000,
    'the run',
    running.then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
}

describe('a value of another form', () => {
  it.each([
    ['maxSteps', 0, 'a whole number from 1; got 0'],
    ['maxSteps', '5', 'a whole number from 1; got "5"'],
    ['maxSteps', Number.NaN, 'a whole number from 1; got NaN'],
    ['temperature', 'hot', 'a number from 0; got "hot"'],
    ['maxOutputTokens', -5, 'a whole number from 1; got -5'],
    ['maxCost', '1', 'a number from 0; got "1"'],
    ['toolChoice', 'always', '"auto", "none", "required" or .* got "always"'],
    ['toolChoice', { type: 'tool', name: 'search' }, '"auto", .* got an object'],
    ['activeTools', 'search', 'a list of names; got "search"'],
    ['models', 'openai/gpt-5', 'a list of names; got "openai/gpt-5"'],
    ['systemPrompt', [{ text: 5 }], 'a text, or a list of texts .* got a list of an object'],
    ['extraBody', 'x', 'an object; got "x"'],
    ['providerOptions', [], 'an object; got a list'],
    ['sessionBudget', { maxCost: 'much' }, 'an object with the numbers .* got an object'],
  ])('of %s is an error of defineAgent: %j', (name, value, text) => {
    expect(() => agentOf(untyped({ [name]: value }))).toThrow(
      expect.objectContaining({
        code: 'invalid-config',
        message: expect.stringMatching(new RegExp(`^Agent "tutor": ${name} must be ${text}\\.$`)),
      }),
    )
  })

  it.each([
    [{ systemPrompt: () => undefined }, /systemPrompt must return a text; got undefined/],
    [{ systemPrompt: () => 5 }, /systemPrompt must be a text, .* got 5/],
    [{ tools: () => 'search' }, /tools must be a list of tools, .* got "search"/],
    [{ tools: () => [undefined] }, /tools must be a list of tools, .* got a list of undefined/],
    [{ tools: [search, human] }, /got a list of an object, the function human without a call/],
    [{ tools: [{ ...search, name: undefined }] }, /has no name: write \{ its_name: tool\(/],
    [{ tools: [agentOf({ name: 'poet' })] }, /the agent "poet": write agentTool\(agent\)/],
    [{ maxSteps: () => 0 }, /maxSteps must be a whole number from 1; got 0/],
    [{ output: () => undefined }, /output must be a zod schema, .* got undefined/],
    [{ output: { type: 'object' } }, /output must be a zod schema, .* got an object/],
    [{ output: 5 }, /output must be a zod schema, .* got 5/],
    [{ prepareStep: () => 'x' }, /prepareStep must return nothing or .* got "x"/],
    [
      { prepareStep: () => ({ modle: 'x' }) },
      /prepareStep must return nothing or .* got the field "modle"/,
    ],
    [{ prepareStep: () => ({ toolChoice: 'always' }) }, /the toolChoice that prepareStep returns/],
    [{ prepareStep: () => ({ messages: 'x' }) }, /the messages that prepareStep returns/],
    [{ prepareStep: () => ({ messages: [{ role: 'user' }] }) }, /list of model messages/],
    [{ prepareStep: () => ({ system: 5 }) }, /the system that prepareStep returns/],
    [{ onStep: () => 'cont' }, /onStep must return .* got "cont"/],
    [{ onStep: () => ({ messages: 'x' }) }, /the messages that onStep returns/],
    [{ onStep: () => ({ tools: 'x' }) }, /the tools that onStep returns/],
  ])('ends the run with the name of the field: %j', async (fields, message) => {
    const text: unknown = expect.stringMatching(message)
    expect(await failureOf(fields)).toMatchObject({ code: 'invalid-config', message: text })
  })

  it('is no error if a callback returns nothing', async () => {
    const nothing = () => undefined
    const fields = { maxSteps: nothing, toolChoice: nothing, extraBody: nothing, onStep: nothing }
    expect(await failureOf({ ...fields, prepareStep: () => null })).toBeUndefined()
    const { error } = await record(
      agentOf({ model: scriptedModel(says('Hello.')), ...untyped({ tools: nothing }) }),
      'Go.',
    )
    expect(error).toBeUndefined()
  })

  it('of needsApproval asks a human', async () => {
    const tool = { ...search, ...Object({ needsApproval: 'always' }) }
    const { result } = await record(agentOf({ tools: [tool], model: model() }), 'Go.')
    expect(result.outcome).toBe('waiting')
  })
})

describe('a callback', () => {
  const names = [
    'systemPrompt',
    'tools',
    'activeTools',
    'model',
    'maxSteps',
    'output',
    'prepareStep',
    'onStep',
  ]

  it.each(names)('that never returns ends the run at its time limit: %s', async (name) => {
    const error = await failureOf({ [name]: never, limits: { stepMs: 200 } })
    const message = `${name} of agent "tutor" did not return within 0.2 s.`
    expect(error).toMatchObject({ code: 'internal', message })
  })

  it('of a schema that never returns ends the run at its time limit', async () => {
    const output = z.string().refine(never)
    const answer = scriptedModel(says('Hello.'))
    const error = await failureOf({ output, model: answer, tools: [], limits: { stepMs: 200 } })
    expect(error).toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/^The output schema of agent "tutor" did not return/),
    })
    const inputSchema = z.object({}).refine(never)
    const tool = { ...search, inputSchema, timeoutMs: 200 }
    expect(await failureOf({ tools: [tool] })).toBeUndefined()
  })

  it('for an approval that never returns asks a human', async () => {
    const tool = { ...search, needsApproval: never, timeoutMs: 200 }
    const { result } = await record(agentOf({ tools: [tool], model: model() }), 'Go.')
    expect(result.outcome).toBe('waiting')
  })
})
