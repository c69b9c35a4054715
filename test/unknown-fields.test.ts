/** Fields that do not exist, in the definitions and options of a program without types. */
import { jsonSchema, tool } from 'ai'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'

import {
  type AgentDefinition,
  defineAgent,
  defineTool,
  Loom,
  openFileStore,
  openMemoryStore,
  openRedisStore,
  run,
  sessionRoutes,
  startAgent,
  stream,
  streamAgent,
} from '../src/index.ts'
import { says, scriptedModel } from './scripted-model.ts'

/** Fields of a JavaScript file. */
const untyped = <FIELDS extends object>(fields: object): Partial<FIELDS> => fields

const agentWith = (fields: object) =>
  defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...untyped<AgentDefinition>(fields) })

const toolWith = (fields: object) =>
  defineTool({
    name: 'clock',
    description: 'The time.',
    inputSchema: jsonSchema({ type: 'object' }),
    ...untyped(fields),
  })

/** The error of a call that may throw or reject. */
const failureOf = async (call: () => unknown): Promise<unknown> => {
  try {
    return await call()
  } catch (error) {
    return error
  }
}

const problem = (code: string, text: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(text) })

describe('an unknown field of a definition', () => {
  it.each([
    [
      { modle: 'demo/assistant' },
      'Agent "tutor" has the unknown field "modle". Did you mean "model"',
    ],
    [{ max_steps: 5 }, 'the unknown field "max_steps". Did you mean "maxSteps"?'],
    [{ instructions: 'Teach.' }, 'the unknown field "instructions". Did you mean "systemPrompt"?'],
    [
      { colour: 'red' },
      'the unknown field "colour". It may have: activeTools, afterTool, approvalSecret',
    ],
    [
      { retry: { retires: 3 } },
      '"tutor": retry has the unknown field "retires". Did you mean "retries"?',
    ],
    [{ limits: { firstChunk: 3 } }, 'limits has the unknown field "firstChunk"'],
    [{ sessionBudget: { maxCosts: 3 } }, 'sessionBudget has the unknown field "maxCosts"'],
    [{ compaction: { treshold: 3 } }, 'compaction has the unknown field "treshold"'],
  ])('of an agent is an error with the nearest name: %j', (fields, text) => {
    expect(() => agentWith(fields)).toThrow(problem('invalid-config', text))
  })

  it.each([
    [
      { discription: 'x' },
      'Tool "clock" has the unknown field "discription". Did you mean "description"?',
    ],
    [{ parameters: {} }, 'the unknown field "parameters". Did you mean "inputSchema"?'],
    [{ needApproval: true }, 'Did you mean "needsApproval"?'],
  ])('of a tool is an error with the nearest name: %j', (fields, text) => {
    expect(() => toolWith(fields)).toThrow(problem('invalid-config', text))
  })

  it('without a value is no field', () => {
    expect(agentWith({ modle: undefined }).name).toBe('tutor')
  })

  it('an agent and a tool can be defined from others', () => {
    const agent = agentWith({ maxSteps: 3 })
    expect(defineAgent({ ...agent, name: 'copy' }).maxSteps).toBe(3)
    const sdkTool = tool({
      description: 'The time.',
      inputSchema: jsonSchema({ type: 'object' }),
      strict: true,
      execute: () => 'noon',
      onInputStart: () => undefined,
    })
    expect(toolWith(sdkTool).name).toBe('clock')
  })
})

describe('a misspelt option', () => {
  const agent = agentWith({ model: scriptedModel(says('Hello.')) })
  const loom = () => new Loom({ agents: [agent] })
  const app = (options: object) =>
    new Hono()
      .onError((error, c) => c.text(error.message, 500))
      .post('/', (c) => streamAgent(c, agent, [{ role: 'user', content: 'Hi' }], options))

  it.each([
    ['Loom', 'strore', () => new Loom({ agents: [agent], ...untyped({ strore: 1 }) })],
    ['startAgent', 'contxt', () => startAgent(agent, untyped({ contxt: {} }))],
    [
      'sessionRoutes',
      'principleOf',
      () => sessionRoutes(loom(), untyped({ principleOf: () => 'ada' })),
    ],
    ['run', 'singal', () => run(agent, 'Hi', untyped({ singal: 1 }))],
    ['stream', 'modle', () => stream(agent, 'Hi', untyped({ modle: 1 })).result],
    ['openMemoryStore', 'sessionsmax', () => openMemoryStore(untyped({ sessionsmax: 1 }))],
    [
      'openFileStore',
      'sessionTtlMS',
      () => openFileStore({ folder: 'x', ...untyped({ sessionTtlMS: 1 }) }),
    ],
    [
      'openRedisStore',
      'patience',
      () => openRedisStore({ url: 'redis://x', ...untyped({ patience: 1 }) }),
    ],
  ])('of %s is an error: %s', async (name, option, call) => {
    const text = `The options of ${name} have the unknown field "${option}". Did you mean`
    expect(await failureOf(call)).toEqual(problem('invalid-config', text))
  })

  it('of streamAgent is an error before the first byte', async () => {
    const response = await app(untyped({ onFinnish: () => undefined })).request('/', {
      method: 'POST',
    })
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining('Did you mean "onFinish"?'),
    ])
  })

  it('of a message of a session is an error, and the message is not sent', async () => {
    const session = startAgent(agent, { store: openMemoryStore() })
    const failure = await failureOf(() => session.call('Hi', untyped({ idempotencykey: 'a' })))
    expect(failure).toEqual(problem('invalid-request', 'Did you mean "idempotencyKey"?'))
    expect(await session.messages()).toEqual([])
    await session.close()
  })

  it('an option of another function is ignored', async () => {
    const app = sessionRoutes(loom(), untyped({ heartbeatMs: 5 }))
    expect((await app.request('/chat')).status).toBe(200)
  })
})
