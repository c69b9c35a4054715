/** Questions of several tasks, beside questions of the session itself. */
import type { Hono } from 'hono'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { recordTest } from '../src/entries/testing.ts'
import { fieldOf } from '../src/ground/fields.ts'
import {
  agentTool,
  defineAgent,
  defineTool,
  human,
  Loom,
  openMemoryStore,
  sessionRoutes,
} from '../src/index.ts'
import { until } from './redis/until.ts'
import { callTool, sayBy } from './tasks/models.ts'

let app: Hono

const paid: number[] = []
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  inputSchema: z.object({ cents: z.number() }),
  needsApproval: true,
  execute: ({ cents }, { write }) => {
    paid.push(cents)
    return write({ type: 'data-paid', data: { cents } }).then(() => `paid ${cents}`)
  },
})

const clerk = defineAgent({
  name: 'clerk',
  systemPrompt: 'Serve.',
  model: sayBy(({ prompt, results }) => {
    if (results.length > 0) return `clerk: ${results.map(String).join()}`
    if (prompt.startsWith('pay')) return callTool('pay', { cents: Number(prompt.slice(4)) })
    return callTool('human', { question: prompt })
  }),
  tools: [human(), pay],
})

const shop = defineAgent({
  name: 'shop',
  systemPrompt: 'Sell.',
  model: sayBy(({ prompt, results }) => {
    if (results.length > 0) return `shop: ${results.map(String).join(' + ')}`
    return prompt.split(';').flatMap((part) => {
      const [name = '', text = ''] = part.split(':')
      return name === 'human'
        ? callTool('human', { question: text })
        : callTool(name, { prompt: text })
    })
  }),
  tools: [
    human(),
    agentTool(clerk),
    { ...agentTool(clerk, { name: 'guarded' }), needsApproval: true },
  ],
})

const open = () => {
  const loom = new Loom({ agents: [shop], store: openMemoryStore(), heartbeatMs: 300 })
  onTestFinished(async () => {
    paid.length = 0
    await loom.close()
  })
  app = sessionRoutes(loom)
  return loom.startAgent('shop', 'one')
}

const post = async (path: string, body: unknown) => {
  const response = await app.request(`/chat/one/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  })
  return response.status
}

const call = async (method: string, path: string, body: unknown = {}) => {
  const response = await app.request(`/chat/${path}`, {
    method,
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    ...(method === 'POST' && { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}

const untilIdle = (id: string) =>
  until(
    5000,
    `${id} is idle`,
    async () => fieldOf((await call('GET', id)).body, 'state') === 'idle',
  )

const waitsFor = async (session: ReturnType<typeof open>) => (await session.info())?.waitsFor ?? []

describe('questions of a session and of its tasks', () => {
  it('are all answered before the turn goes on', async () => {
    const session = open()
    await session.call('human:mine;clerk:first;clerk:second')
    const calls = await waitsFor(session)
    expect(calls.map(({ toolName }) => toolName)).toEqual(['human', 'clerk.human', 'clerk.human'])
    for (const [index, { toolCallId }] of calls.toReversed().entries()) {
      expect((await session.info())?.state, `answer ${index}`).toBe('waiting')
      expect(await post(`tools/${toolCallId}`, { output: `answer ${index}` })).toBe(200)
    }
    const last = (await session.messages()).at(-1)
    expect(fieldOf(last?.parts.at(-1), 'text')).toBe(
      'shop: answer 2 + clerk: answer 1 + clerk: answer 0',
    )
  })

  it('of a denied call reach the model of the task', async () => {
    const session = open()
    await session.call('clerk:pay 5;clerk:pay 7')
    const [first, second] = await waitsFor(session)
    expect(await post(`approvals/${first?.approvalId}`, { approved: false, reason: 'no' })).toBe(
      200,
    )
    expect(await post(`approvals/${second?.approvalId}`, { approved: true })).toBe(200)
    expect(paid).toEqual([7])
    const last = (await session.messages()).at(-1)
    expect(fieldOf(last?.parts.at(-1), 'text')).toBe('shop: clerk: denied + clerk: paid 7')
    const states = last?.parts.flatMap((part) => ('toolCallId' in part ? [part.state] : []))
    expect(states).toEqual([
      'output-available',
      'output-available',
      'output-denied',
      'output-available',
    ])
    // The data of the task is in the message of the call, once.
    expect(last?.parts.filter(({ type }) => type === 'data-paid')).toHaveLength(1)
  })

  it('come after the approval of the call of the agent itself, which is asked once', async () => {
    const session = open()
    await session.call('guarded:which')
    const [guard] = await waitsFor(session)
    expect(guard).toMatchObject({ toolName: 'guarded' })
    expect(await post(`approvals/${guard?.approvalId}`, { approved: true })).toBe(200)
    const [question] = await waitsFor(session)
    expect(question).toMatchObject({ toolName: 'clerk.human', input: { question: 'which' } })
    expect(await post(`tools/${question?.toolCallId}`, { output: 'that' })).toBe(200)
    const last = (await session.messages()).at(-1)
    expect(fieldOf(last?.parts.at(-1), 'text')).toBe('shop: clerk: that')
  })

  it('are in no recorded test, which replays the call of the agent', async () => {
    const session = open()
    await session.call('clerk:which')
    const [question] = await waitsFor(session)
    await post(`tools/${question?.toolCallId}`, { output: 'that' })
    const code = await recordTest(session, { agent: shop, from: './shop.ts' })
    expect(code).toContain("toolName: 'clerk'")
    expect(code).not.toContain('clerk.human')
  })

  it('are refused where nothing can answer them', async () => {
    open()
    const response = await app.request('/chat?protocol=text', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: '*/*' },
      body: JSON.stringify({
        id: 'two',
        messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'clerk:hm' }] }],
      }),
    })
    expect(await response.text()).toMatch(/shop: clerk: .*only text is read/i)
  })
})

describe('a stop of the tree of a session that waits', () => {
  const isOpen = (part: object) =>
    ['input-available', 'approval-requested', 'approval-responded'].includes(
      String(fieldOf(part, 'state')),
    )

  it('ends its answer and its tasks, and refuses later answers', async () => {
    const session = open()
    await session.call('human:mine;clerk:first;clerk:pay 5')
    const [own, question, approval] = await waitsFor(session)
    const tasks = await session.tasks()
    expect((await call('POST', 'one/stop')).body).toEqual({ stopped: false })
    expect((await session.info())?.state).toBe('waiting')
    expect((await call('POST', 'one/stop?tree=1')).body).toEqual({ stopped: true, tasks: 2 })
    for (const id of ['one', ...tasks.map((task) => task.id)]) await untilIdle(id)
    expect((await session.tasks()).map(({ state }) => state)).toEqual(['stopped', 'stopped'])
    expect(await session.tasks()).toEqual(
      tasks.map(({ waitsFor: _, ...task }) => ({ ...task, state: 'stopped' })),
    )
    const stored = await session.messages()
    expect(stored.map(({ role }) => role)).toEqual(['user', 'assistant'])
    expect(stored[1]?.metadata).toMatchObject({ outcome: 'aborted' })
    expect(stored[1]?.parts.filter(isOpen)).toEqual([])
    for (const { toolCallId } of [own, question].flatMap((each) => each ?? [])) {
      expect(await post(`tools/${toolCallId}`, { output: 'late' })).toBe(409)
    }
    expect(await post(`approvals/${approval?.approvalId}`, { approved: true })).toBe(409)
    for (const { id, waitsFor: calls = [] } of tasks) {
      const [asked] = calls
      const late =
        asked?.approvalId === undefined
          ? await call('POST', `${id}/tools/${asked?.toolCallId}`, { output: 'late' })
          : await call('POST', `${id}/approvals/${asked.approvalId}`, { approved: true })
      expect(late.status).toBe(409)
    }
    expect(paid).toEqual([])
    expect((await call('POST', 'one/stop?tree=1')).body).toEqual({ stopped: false, tasks: 0 })
    expect((await session.call('clerk:pay 1')).message.parts.some(isOpen)).toBe(true)
  })

  it('ends its own approval, in code too, and the next message gets its answer', async () => {
    const session = open()
    await session.call('guarded:which')
    const [guard] = await waitsFor(session)
    expect(await session.stop({ tree: true })).toEqual({ stopped: true, tasks: 0 })
    await untilIdle('one')
    expect(await post(`approvals/${guard?.approvalId}`, { approved: true })).toBe(409)
    expect(await session.tasks()).toEqual([])
    await session.call('human:again')
    expect(await waitsFor(session)).toMatchObject([{ toolName: 'human' }])
  })

  it('begun by a task stops its part of the tree', async () => {
    const session = open()
    await session.call('clerk:first;clerk:second')
    const [first] = await session.tasks()
    const [asked] = first?.waitsFor ?? []
    expect((await call('POST', `${first?.id}/stop?tree=1`)).body).toMatchObject({ stopped: true })
    await untilIdle(first?.id ?? '')
    const late = await call('POST', `${first?.id}/tools/${asked?.toolCallId}`, { output: 'late' })
    expect(late.status).toBe(409)
    expect((await session.tasks()).map(({ state }) => state)).toEqual(['stopped', 'waiting'])
    await until(5000, 'the other question waits', async () => {
      const calls = await waitsFor(session)
      return (await session.info())?.state === 'waiting' && calls.length === 1
    })
  })
})
