/** Questions of several tasks, beside questions of the session itself. */
import type { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
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
import { callTool, sayBy } from './tasks/models.ts'

let loom: Loom
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
  loom = new Loom({ agents: [shop], store: openMemoryStore(), heartbeatMs: 300 })
  app = sessionRoutes(loom)
  return loom.startAgent('shop', 'one')
}
afterEach(async () => {
  paid.length = 0
  await loom.close()
})

const post = async (path: string, body: unknown) => {
  const response = await app.request(`/chat/one/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  })
  return response.status
}

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
