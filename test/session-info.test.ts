/** The public form of a session, over HTTP, in code and in lists. */
import { safeValidateUIMessages, type UIMessage } from 'ai'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'

import { createModels, defineAgent, Loom, sessionRoutes } from '../src/index.ts'
import { toolOf } from './one-step.ts'
import { calls, says, type Script, scriptedModel } from './scripted-model.ts'
import { clientTool } from './sessions/scripts.ts'

function openApp(...scripts: Script[]) {
  const model = scriptedModel(...scripts)
  const tools = [clientTool, toolOf(() => 'paid', { name: 'pay', needsApproval: true })]
  const agent = defineAgent({ name: 'tester', systemPrompt: 'Be brief.', model, tools })
  const loom = new Loom({ agents: [agent], models: createModels({ environment: {} }) })
  const app = new Hono().route('/', sessionRoutes(loom))
  const get = async (path: string) => {
    const body: { sessions?: object[] } = JSON.parse(
      await (await app.request(`/chat${path}`)).text(),
    )
    return body
  }
  return { loom, get, session: loom.startAgent('tester', 'c') }
}

const publicFields = ['id', 'title', 'agent', 'state', 'messageId', 'startedAt']
const otherFields = ['queued', 'createdAt', 'updatedAt', 'spent']

describe('the form of a session', () => {
  it('has no internal facts of its turn', async () => {
    const { loom, get, session } = openApp(says('Hello.'))
    const { message } = await session.call('Say hello to the whole class, please.')
    const info = await session.info()
    expect(Object.keys(info ?? {}).sort()).toEqual([...publicFields, ...otherFields].sort())
    expect(info).toMatchObject({
      id: 'c',
      title: 'Say hello to the whole class, please.',
      state: 'idle',
      messageId: message.id,
      startedAt: expect.any(Number),
      queued: 0,
    })
    expect(await get('/c')).toEqual(info)
    expect(await get('')).toEqual({ sessions: [info] })
    expect((await loom.listSessions()).sessions).toEqual([info])
  })

  it('names the calls that wait for an answer or an approval', async () => {
    const { get, session } = openApp(calls(['ask', { question: 'How?' }], ['pay', { euros: 5 }]))
    await session.call('Pay.')
    const info = await session.info()
    expect(info).toMatchObject({
      state: 'waiting',
      waitsFor: [
        { toolName: 'ask', input: { question: 'How?' }, toolCallId: expect.any(String) },
        { toolName: 'pay', input: { euros: 5 }, approvalId: expect.any(String) },
      ],
    })
    expect(info?.waitsFor?.[0]).not.toHaveProperty('approvalId')
    expect(await get('/c')).toEqual(info)
    expect((await get('')).sessions?.[0]).not.toHaveProperty('waitsFor')
  })

  it('answers a call by the ids of its form', async () => {
    const { session } = openApp(calls(['ask', { question: 'How?' }]), says('Thank you.'))
    await session.call('Ask me.')
    const [call] = (await session.info())?.waitsFor ?? []
    const { text } = await (await session.answer(call?.toolCallId ?? '', 'yes')).reply()
    expect(text).toBe('Thank you.')
    expect(await session.info()).not.toHaveProperty('waitsFor')
  })
})

describe('the message of a reply', () => {
  it('is the stored one, in the form that a frontend takes', async () => {
    const { session } = openApp(calls(['ask', { question: 'How?' }]), says('Well.'))
    const first: UIMessage = (await session.call('Ask me.')).message
    const { message } = await session.call('Never mind.')
    const stored = await session.messages()
    expect(stored.at(-1)).toEqual(message)
    const { success } = await safeValidateUIMessages({ messages: [first, message] })
    expect(success).toBe(true)
  })
})
