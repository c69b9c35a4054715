/**
 * The context of a message reaches every callback of its conversation, also after takeovers and
 * answers.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'
import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { z } from 'zod'

import { sessionRoutes } from '../../routes/session.ts'
import type { AgentDefinition } from '../../src/agent.ts'
import type { Store } from '../../src/store.ts'
import type { NamedTool } from '../../src/tool.ts'
import { calls, says, type Script, scriptedModel } from '../scripted-model.ts'
import { clientTool, Gate, gatedTool, saysWhen } from './scripts.ts'
import { openWorld, type TestInstance, untilState, userMessage } from './world.ts'

const ada = { user: { name: 'Ada' }, rights: ['read', null] }

/** An agent that reads its context in every callback, and fails without it. */
function readingAgent(seen: unknown[], scripts: readonly Script[], tools: NamedTool[] = []) {
  const read = (context: unknown) => {
    seen.push(context)
    return JSON.stringify(context)
  }
  const model = scriptedModel(...scripts)
  const remove: NamedTool = {
    name: 'remove',
    description: 'Removes.',
    inputSchema: z.object({}),
    needsApproval(_, options) {
      read(options.context)
      return true
    },
    execute: (_, options) => read(options.context),
  }
  const definition: Partial<AgentDefinition> = {
    systemPrompt: (context) => `You serve ${read(context)}.`,
    model: (context) => {
      read(context)
      return model
    },
    tools: (context) => {
      read(context)
      return [clientTool, remove, ...tools]
    },
    onStep: (_, context) => {
      read(context)
      return 'continue'
    },
  }
  return { definition, model }
}

function clientOf({ loom }: TestInstance, id: string) {
  const app = new Hono().route('/', sessionRoutes(loom))
  const send = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const response = await app.request(`/chat${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { accept: 'application/json', ...headers },
    })
    const answered: { message: UIMessage; state: string } = JSON.parse(await response.text())
    return { ...answered, status: response.status }
  }
  return {
    post: (body: object) => send('', { id, ...body }),
    cast: (body: object) => send('', { id, ...body }, { prefer: 'respond-async' }),
    answer: (path: string, body: object) => send(`/${id}/${path}`, body),
    async systemPrompt(target = id) {
      const response = await app.request(`/chat/${target}/prompt`)
      const { prompt }: { prompt: { content: unknown }[] } = JSON.parse(await response.text())
      return prompt[0]?.content
    },
    fork: (newId: string) => send(`/${id}/fork`, { id: newId }),
  }
}

const served = (context: unknown) => `You serve ${JSON.stringify(context)}.`

const approvalIdOf = ({ parts }: UIMessage) => {
  for (const part of parts) {
    if ('approval' in part && part.approval !== undefined) return part.approval.id
  }
  throw new Error('nothing asks for approval')
}

export function contextSuite(openStore: () => Promise<Store>): void {
  it('the context reaches all callbacks after answers without one', async () => {
    await using world = openWorld(openStore)
    const seen: unknown[] = []
    const scripts = [
      calls(['remove', {}, 'call-r']),
      calls(['ask', { question: 'Sure?' }, 'call-a']),
      says('Done.'),
    ]
    const { definition, model } = readingAgent(seen, scripts)
    const here = await world.instance(definition)
    const there = await world.instance(definition)
    const id = randomUUID()
    const first = clientOf(here, id)
    const asked = await first.post({ messages: [userMessage('Go.')], context: ada })
    expect(asked).toMatchObject({ status: 200, state: 'waiting' })
    expect(await first.systemPrompt()).toBe(served(ada))
    const second = clientOf(there, id)
    const approval = `approvals/${approvalIdOf(asked.message)}`
    expect(await second.answer(approval, { approved: true })).toMatchObject({ state: 'waiting' })
    const done = await first.answer('tools/call-a', { output: 'yes' })
    expect(done).toMatchObject({ status: 200, state: 'idle' })
    expect(done.message.parts).toContainEqual(
      expect.objectContaining({ toolCallId: 'call-r', output: JSON.stringify(ada) }),
    )
    expect(new Set(seen.map((context) => JSON.stringify(context)))).toEqual(
      new Set([JSON.stringify(ada)]),
    )
    expect(model.asked.map(({ prompt }) => prompt[0]?.content)).toEqual(
      Array.from({ length: 3 }, () => served(ada)),
    )
  })

  it('the context reaches all callbacks after a decision of useChat', async () => {
    await using world = openWorld(openStore)
    const seen: unknown[] = []
    const { definition } = readingAgent(seen, [calls(['remove', {}, 'call-r']), says('Done.')])
    const client = clientOf(await world.instance(definition), randomUUID())
    const { message } = await client.post({ messages: [userMessage('Go.')], context: ada })
    const decided = message.parts.map((part) =>
      'approval' in part && part.approval !== undefined
        ? { ...part, state: 'approval-responded', approval: { ...part.approval, approved: true } }
        : part,
    )
    const done = await client.post({ messages: [{ ...message, parts: decided }] })
    expect(done).toMatchObject({ status: 200, state: 'idle' })
    expect(seen).toEqual(seen.map(() => ada))
  })

  it('the context stays until a message brings another', async () => {
    await using world = openWorld(openStore)
    const seen: unknown[] = []
    const { definition, model } = readingAgent(
      seen,
      Array.from({ length: 5 }, () => says('Hi.')),
    )
    const id = randomUUID()
    const client = clientOf(await world.instance(definition), id)
    const { message } = await client.post({ messages: [userMessage('One.')], context: ada })
    const { message: second } = await client.post({ messages: [userMessage('Two.')] })
    expect(second.id).not.toBe(message.id)
    await client.post({
      trigger: 'regenerate-message',
      messageId: second.id,
      messages: [userMessage('Two.')],
    })
    expect(seen).toEqual(seen.map(() => ada))
    const newId = randomUUID()
    expect(await client.fork(newId)).toMatchObject({ status: 201 })
    expect(await client.systemPrompt(newId)).toBe(served(ada))
    await client.post({ messages: [userMessage('Three.')], context: {} })
    expect(await client.systemPrompt()).toBe(served({}))
    await client.post({ messages: [userMessage('Four.')] })
    expect(model.asked.map(({ prompt }) => prompt[0]?.content)).toEqual([
      ...Array.from({ length: 3 }, () => served(ada)),
      served({}),
      served({}),
    ])
    expect(await client.systemPrompt(newId)).toBe(served(ada))
  })

  it("a queued message's context applies from its turn on", async () => {
    await using world = openWorld(openStore)
    const seen: unknown[] = []
    const gate = new Gate('the tool')
    const scripts = [calls(['work', {}, 'call-w']), says('Both.'), says('Bob.'), says('Eve.')]
    const { definition, model } = readingAgent(seen, scripts, [gatedTool(gate, [])])
    const id = randomUUID()
    const here = await world.instance(definition)
    const client = clientOf(here, id)
    await client.cast({ messages: [userMessage('One.')], context: ada })
    await gate.reached()
    await client.cast({ messages: [userMessage('Two.')], whenBusy: 'steer', context: { b: 1 } })
    await client.cast({ messages: [userMessage('Three.')] })
    await client.cast({ messages: [userMessage('Four.')], context: { c: 1 } })
    expect(await client.systemPrompt()).toBe(served(ada))
    gate.open()
    await untilState(here, id, 'idle')
    expect(model.asked.map(({ prompt }) => prompt[0]?.content)).toEqual(
      [ada, ada, { b: 1 }, { c: 1 }].map(served),
    )
  })

  it.each(['taken over', 'handed over'] as const)(
    'the context is the same in a turn %s',
    async (how) => {
      await using world = openWorld(openStore)
      const seen: unknown[] = []
      const gate = new Gate('the first words')
      const id = randomUUID()
      const dying = readingAgent(seen, [saysWhen(gate, 'Half', ' lost')])
      const owner = await world.instance(dying.definition)
      const living = readingAgent(seen, [says(' whole.')])
      const survivor = await world.instance(living.definition)
      await clientOf(owner, id).cast({ messages: [userMessage('Go.')], context: ada })
      await gate.reached()
      if (how === 'taken over') owner.freeze()
      else await owner.sessions.drain()
      await untilState(survivor, id, 'idle')
      expect(living.model.asked.map(({ prompt }) => prompt[0]?.content)).toEqual([served(ada)])
      expect(seen).toEqual(seen.map(() => ada))
    },
  )
}
