/** Functions of the application that a request waits for, and that never return. */
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'

import {
  type AgentDefinition,
  createModels,
  defineAgent,
  Loom,
  sessionRoutes,
  type SessionRoutesOptions,
  streamAgent,
} from '../src/index.ts'
import { within } from './deadline.ts'
import { says, scriptedModel } from './scripted-model.ts'

const never = () => new Promise<never>(() => {})
const models = createModels({ environment: {} })

const response = (pending: Response | Promise<Response>) =>
  within(30_000, 'the response', Promise.resolve(pending))

function openApp(rules: SessionRoutesOptions, fields: Partial<AgentDefinition> = {}) {
  const reports: unknown[] = []
  const model = scriptedModel(says('Hello.'))
  const agent = defineAgent({ name: 'tester', systemPrompt: 'Be brief.', model, ...fields })
  const loom = new Loom({ agents: [agent], models, report: (error) => reports.push(error) })
  const app = new Hono().route('/', sessionRoutes(loom, rules))
  const post = (more: object = {}, signal: AbortSignal | null = null) => {
    const body = JSON.stringify({ id: 'c', message: 'Hi', ...more })
    return response(app.request('/chat', { method: 'POST', body, signal }))
  }
  return { app, loom, post, reports }
}

describe('a rule of the application that never returns', () => {
  it.each(['principalOf', 'contextOf'] as const)('%s ends with status 503', async (name) => {
    const { post, reports, loom } = openApp({ [name]: never, timeoutMs: 20 })
    const answer = await post()
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(await answer.text()).toMatch(/^The server could not check this request in time\. Send/)
    expect(reports).toEqual([
      expect.objectContaining({
        cause: expect.objectContaining({ message: `${name} did not return within 20 ms.` }),
      }),
    ])
    expect((await loom.listSessions()).sessions).toEqual([])
  })

  it('principalOf ends the reading routes too', async () => {
    const { app } = openApp({ principalOf: never, timeoutMs: 20 })
    const answer = await response(app.request('/chat/c/messages'))
    expect(answer.status).toBe(503)
  })

  it.each(['principalOf', 'contextOf'] as const)('%s ends with the request', async (name) => {
    const leave = new AbortController()
    const called = Promise.withResolvers<void>()
    const rule = () => {
      called.resolve()
      return never()
    }
    const { post, reports } = openApp({ [name]: rule, timeoutMs: 3_600_000 })
    const answer = post({}, leave.signal)
    await called.promise
    leave.abort()
    expect((await answer).status).toBe(400)
    expect(reports).toEqual([])
  })
})

describe('a callback of the agent that never returns', () => {
  const limits = { stepMs: 20 }

  it('models ends a post that chooses a model', async () => {
    const { post, reports } = openApp({}, { models: never, limits })
    expect((await post({ model: 'demo/assistant' })).status).toBe(500)
    expect(String(reports[0])).toMatch(/models of agent "tester" did not return within 0\.02 s/)
  })

  it('tools ends streamAgent with earlier tool calls before its first byte', async () => {
    const fields = { model: scriptedModel(says('Hello.')), tools: never, limits }
    const agent = defineAgent({ name: 'tester', systemPrompt: 'Be brief.', ...fields })
    const call = { type: 'tool-look', toolCallId: 'a', state: 'output-available', input: {} }
    const history = [
      { id: 'u1', role: 'user', parts: [{ type: 'text', text: 'Look.' }] },
      { id: 'a1', role: 'assistant', parts: [{ ...call, output: 'seen' }] },
      { id: 'u2', role: 'user', parts: [{ type: 'text', text: 'And?' }] },
    ]
    const app = new Hono()
      .onError((error, c) => c.text(error.message, 500))
      .post('/', (c) => streamAgent(c, agent, history, { models }))
    const answer = await response(app.request('/', { method: 'POST' }))
    expect([answer.status, await answer.text()]).toEqual([
      500,
      'tools of agent "tester" did not return within 0.02 s.',
    ])
  })
})
