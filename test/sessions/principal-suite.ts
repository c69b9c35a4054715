/**
 * The principal and the server's part of the context reach the agent, its tools and its callbacks. They
 * stay the same through answers, approvals, takeovers and forks, and no client sets them.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'
import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { expect, it } from 'vitest'
import { z } from 'zod'

import { sessionRoutes } from '../../routes/session.ts'
import { agentTool } from '../../src/agent-tool.ts'
import { type AgentDefinition, defineAgent } from '../../src/agent.ts'
import { LoomError } from '../../src/ground/error.ts'
import type { Store } from '../../src/store.ts'
import type { NamedTool, ToolContext } from '../../src/tool.ts'
import { calls, says, type Script, scriptedModel } from '../scripted-model.ts'
import { clientTool, Gate, gatedTool, saysWhen } from './scripts.ts'
import { openWorld, type TestInstance, untilState, userMessage } from './world.ts'

const factsOf = ({ context, principal, sessionId, messageId }: ToolContext) => ({
  context,
  principal,
  sessionId,
  messageId,
})

const named = (name: string, more: Partial<NamedTool> = {}): NamedTool => ({
  name,
  description: name,
  inputSchema: z.object({}),
  execute: (_, context) => factsOf(context),
  ...more,
})

/** An agent whose tools depend on the role: only an admin may remove. */
function roleAgent(scripts: readonly Script[], more: NamedTool[] = []) {
  const model = scriptedModel(...scripts)
  const definition: Partial<AgentDefinition> = {
    model,
    systemPrompt: (context) => JSON.stringify(context),
    tools: (context) => {
      const isAdmin = z.object({ role: z.literal('admin') }).safeParse(context).success
      const remove = named('remove', { needsApproval: true })
      return isAdmin ? [clientTool, named('look'), remove, ...more] : [clientTool, named('look')]
    },
  }
  const seen = () =>
    model.asked.map(({ prompt: [system], tools = [] }) => ({
      context: system?.role === 'system' ? jsonIn(system.content) : undefined,
      tools: tools.map(({ name }) => name),
    }))
  return { definition, model, seen }
}

const jsonIn = (text: string): unknown => JSON.parse(text)

const asAdmin = (context: object) => ({ context, tools: ['ask', 'look', 'remove'] })
const asUser = (context: object) => ({ context, tools: ['ask', 'look'] })

/** The server's part: the role in a header, which a proxy or a sign-in would set. */
const contextOf = async (c: Context) => {
  const role = c.req.header('x-role')
  return role === undefined ? undefined : { role }
}

interface Sender {
  user?: string
  role?: string
}

function clientOf({ loom }: TestInstance, id: string, { user = 'ada', role }: Sender = {}) {
  const rules = { principalOf: async (c: Context) => c.req.header('x-user'), contextOf }
  const app = new Hono().route('/', sessionRoutes(loom, rules))
  const headers = { 'x-user': user, ...(role !== undefined && { 'x-role': role }) }
  const send = async (path: string, body: object, more: Record<string, string> = {}) => {
    const response = await app.request(`/chat${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { accept: 'application/json', ...headers, ...more },
    })
    const answered: { message: UIMessage; state: string; text: string } = JSON.parse(
      await response.text(),
    )
    return { ...answered, status: response.status }
  }
  return {
    post: (body: object) => send('', { id, ...body }),
    cast: (body: object) => send('', { id, ...body }, { prefer: 'respond-async' }),
    answer: (path: string, body: object) => send(`/${id}/${path}`, body),
    fork: (newId: string) => send(`/${id}/fork`, { id: newId }),
    async prompt(query = '') {
      const response = await app.request(`/chat/${id}/prompt${query}`, { headers })
      const prompt: { prompt: { content: string }[]; tools: { name: string }[] } = JSON.parse(
        await response.text(),
      )
      return {
        context: jsonIn(prompt.prompt[0]?.content ?? ''),
        tools: prompt.tools.map(({ name }) => name),
      }
    },
  }
}

const approvalIdOf = ({ parts }: UIMessage) => {
  for (const part of parts) {
    if ('approval' in part && part.approval !== undefined) return part.approval.id
  }
  throw new Error('nothing asks for approval')
}

const outputOf = ({ parts }: UIMessage, toolCallId: string): unknown =>
  parts.flatMap((part) =>
    'toolCallId' in part && part.toolCallId === toolCallId ? [part.output] : [],
  )[0]

export function principalSuite(openStore: () => Promise<Store>): void {
  it('an approval by another request keeps context, tools and principal', async () => {
    await using world = openWorld(openStore)
    const agent = roleAgent([calls(['remove', {}, 'call-r']), says('Removed.')])
    const here = await world.instance(agent.definition)
    const there = await world.instance(agent.definition)
    const id = randomUUID()
    const smuggled = { role: 'owner', theme: 'dark' }
    const admin = clientOf(here, id, { role: 'admin' })
    const asked = await admin.post({ messages: [userMessage('Go.')], context: smuggled })
    expect(asked).toMatchObject({ status: 200, state: 'waiting' })
    const context = { role: 'admin', theme: 'dark' }
    expect(await admin.prompt()).toEqual(asAdmin(context))
    const path = `approvals/${approvalIdOf(asked.message)}`
    const stranger = clientOf(there, id, { user: 'bob', role: 'admin' })
    expect(await stranger.answer(path, { approved: true })).toMatchObject({ status: 404 })
    const other = clientOf(there, id, { role: 'user' })
    const done = await other.answer(path, { approved: true })
    expect(done).toMatchObject({ status: 200, state: 'idle' })
    expect(outputOf(done.message, 'call-r')).toEqual({
      context,
      principal: 'ada',
      sessionId: id,
      messageId: done.message.id,
    })
    expect(agent.seen()).toEqual([asAdmin(context), asAdmin(context)])
  })

  it('an answer of useChat with another context keeps that of the message', async () => {
    await using world = openWorld(openStore)
    const agent = roleAgent([calls(['ask', { question: '?' }, 'call-a']), says('Thanks.')])
    const id = randomUUID()
    const client = clientOf(await world.instance(agent.definition), id, { role: 'user' })
    const { message } = await client.post({ messages: [userMessage('Go.')], context: { a: 1 } })
    const answered = message.parts.map((part) =>
      'toolCallId' in part ? { ...part, state: 'output-available', output: 'yes' } : part,
    )
    const forged = { role: 'admin', b: 1 }
    const done = await client.post({
      messages: [{ ...message, parts: answered }],
      context: forged,
    })
    expect(done).toMatchObject({ status: 200, state: 'idle', text: 'Thanks.' })
    const context = { a: 1, role: 'user' }
    expect(agent.seen()).toEqual([asUser(context), asUser(context)])
  })

  it('each message has its own part of the server and keeps the client’s', async () => {
    await using world = openWorld(openStore)
    const agent = roleAgent(Array.from({ length: 5 }, () => says('Hi.')))
    const id = randomUUID()
    const here = await world.instance(agent.definition)
    const admin = clientOf(here, id, { role: 'admin' })
    const nobody = clientOf(here, id)
    const question = userMessage('One.')
    const { message } = await admin.post({ messages: [question], context: { theme: 'dark' } })
    await admin.post({ messages: [userMessage('One!', question.id)], messageId: question.id })
    const again = { trigger: 'regenerate-message', messages: [question] }
    await admin.post(again)
    // The role of the earlier messages does not outlive them.
    await nobody.post({ messages: [userMessage('Two.')] })
    expect(await nobody.prompt()).toEqual(asUser({ theme: 'dark' }))
    expect(await admin.prompt('?context={"role":"owner","n":1}')).toEqual(
      asAdmin({ n: 1, role: 'admin' }),
    )
    await nobody.post({ messages: [userMessage('Three.')], context: {} })
    const first = asAdmin({ theme: 'dark', role: 'admin' })
    expect(agent.seen()).toEqual([first, first, first, asUser({ theme: 'dark' }), asUser({})])
    expect(message.id).not.toBe('')
    const own = { 'loom:server': { role: 'admin' } }
    expect(await nobody.post({ messages: [userMessage('Four.')], context: own })).toMatchObject({
      status: 400,
    })
  })

  it('messages in the queue have the context of their senders', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the tool')
    const scripts = [calls(['work', {}, 'call-w']), ...Array.from({ length: 4 }, () => says('.'))]
    const agent = roleAgent(scripts, [gatedTool(gate, [])])
    const id = randomUUID()
    const here = await world.instance(agent.definition)
    const [admin, user] = [clientOf(here, id, { role: 'admin' }), clientOf(here, id)]
    await admin.cast({ messages: [userMessage('One.')], context: { n: 1 } })
    await gate.reached()
    const steer = { whenBusy: 'steer', context: { n: 2 } }
    await user.cast({ messages: [userMessage('Two.')], ...steer })
    await user.cast({ messages: [userMessage('Three.')] })
    await admin.cast({ messages: [userMessage('Four.')] })
    await user.cast({ messages: [userMessage('Five.')], context: { n: 3, role: undefined } })
    gate.open()
    await untilState(here, (await here.loom.sessions.find('ada', id))?.id ?? '', 'idle')
    expect(agent.seen().map(({ context }) => context)).toEqual([
      { n: 1, role: 'admin' },
      { n: 1, role: 'admin' },
      { n: 2 },
      { n: 2, role: 'admin' },
      { n: 3 },
    ])
  })

  it('a fork keeps context, tools and principal', async () => {
    await using world = openWorld(openStore)
    const agent = roleAgent([says('One.'), calls(['look', {}, 'call-l']), says('Two.')])
    const id = randomUUID()
    const here = await world.instance(agent.definition)
    const admin = clientOf(here, id, { role: 'admin' })
    await admin.post({ messages: [userMessage('One.')], context: { theme: 'dark' } })
    const newId = randomUUID()
    expect(await admin.fork(newId)).toMatchObject({ status: 201 })
    const fork = clientOf(here, newId, { role: 'admin' })
    const context = { theme: 'dark', role: 'admin' }
    expect(await fork.prompt()).toEqual(asAdmin(context))
    const { message } = await fork.post({ messages: [userMessage('Two.')] })
    expect(outputOf(message, 'call-l')).toMatchObject({
      context,
      principal: 'ada',
      sessionId: newId,
    })
    expect(await clientOf(here, newId, { user: 'bob' }).fork(randomUUID())).toMatchObject({
      status: 404,
    })
  })

  it.each(['taken over', 'handed over'] as const)(
    'context, tools and principal are the same in a turn %s',
    async (how) => {
      await using world = openWorld(openStore)
      const gate = new Gate('the first words')
      const id = randomUUID()
      const dying = roleAgent([saysWhen(gate, 'Half', ' lost')])
      const owner = await world.instance(dying.definition)
      const living = roleAgent([calls(['look', {}, 'call-l']), says(' whole.')])
      const survivor = await world.instance(living.definition)
      const admin = clientOf(owner, id, { role: 'admin' })
      const { status } = await admin.cast({ messages: [userMessage('Go.')], context: { n: 1 } })
      expect(status).toBe(202)
      await gate.reached()
      const stored = (await survivor.sessions.find('ada', id))?.id ?? ''
      if (how === 'taken over') owner.freeze()
      else await owner.sessions.drain()
      await untilState(survivor, stored, 'idle')
      const context = { n: 1, role: 'admin' }
      expect(living.seen()).toEqual([asAdmin(context), asAdmin(context)])
      const message = (await survivor.sessions.messages(stored)).at(-1)
      expect(message && outputOf(message, 'call-l')).toEqual({
        context,
        principal: 'ada',
        sessionId: id,
        messageId: message?.id,
      })
    },
  )

  it('tools of a sub-agent have the principal and the message of the agent above', async () => {
    await using world = openWorld(openStore)
    const below = scriptedModel(calls(['look', {}, 'call-l']), says('Looked.'))
    const facts: unknown[] = []
    const look = named('look', { execute: (_, context) => void facts.push(factsOf(context)) })
    const helper = defineAgent({
      name: 'helper',
      systemPrompt: 'Help.',
      tools: [look],
      model: below,
    })
    const model = scriptedModel(calls(['helper', { prompt: 'Look.' }, 'call-h']), says('Done.'))
    const here = await world.instance({ model, tools: [agentTool(helper)] })
    const id = randomUUID()
    const client = clientOf(here, id, { role: 'admin' })
    const { message } = await client.post({ messages: [userMessage('Go.')] })
    expect(facts).toEqual([
      { context: { role: 'admin' }, principal: 'ada', sessionId: id, messageId: message.id },
    ])
  })
}

/** The errors of `principalOf` and `contextOf`. They need no store of their own. */
export function rulesSuite(openStore: () => Promise<Store>): void {
  const thrown: [name: string, error: unknown, answer: [number, string], reports: number][] = [
    ['a LoomError', new LoomError('refused', 'Not today.'), [409, 'Not today.'], 0],
    ['an HTTPException', new HTTPException(403, { message: 'No entry.' }), [403, 'No entry.'], 0],
    ['another error', new Error('db: secret'), [500, 'Something went wrong in the server.'], 1],
  ]
  const rules = ['principalOf', 'contextOf'] as const

  it.each(
    rules.flatMap((rule) =>
      thrown.map(([name, ...row]) => [`${rule} that throws ${name}`, { rule, row }] as const),
    ),
  )('%s answers with its status', async (_, { rule, row: [error, answer, reports] }) => {
    await using world = openWorld(openStore)
    const here = await world.instance({ model: scriptedModel() })
    const fail = () => {
      throw error
    }
    const app = new Hono().route('/', sessionRoutes(here.loom, { [rule]: fail }))
    const body = JSON.stringify({ messages: [userMessage('Go.')] })
    const response = await app.request('/chat', { method: 'POST', body })
    expect([response.status, await response.text()]).toEqual(answer)
    expect(here.reported).toHaveLength(reports)
  })

  it('a request without a principal is unauthorized', async () => {
    await using world = openWorld(openStore)
    const here = await world.instance({ model: scriptedModel() })
    const principalOf = (c: Context) => c.req.header('x-user')
    const app = new Hono().route('/', sessionRoutes(here.loom, { principalOf }))
    for (const path of ['/chat', '/chat/1', '/chat/1/stream', '/chat/1/messages'])
      expect((await app.request(path)).status).toBe(401)
    const headers = { 'x-user': 'ada' }
    expect((await app.request('/chat', { headers })).status).toBe(200)
  })

  it.each([7, true, { id: 'ada' }])(
    'principalOf that returns %j is a reported fault of the server',
    async (value) => {
      await using world = openWorld(openStore)
      const here = await world.instance({ model: scriptedModel() })
      const principalOf = () => value
      // @ts-expect-error An application may be written without types.
      const app = new Hono().route('/', sessionRoutes(here.loom, { principalOf }))
      expect((await app.request('/chat')).status).toBe(500)
      const message: unknown = expect.stringMatching(/^principalOf must return a text or undefined/)
      expect(here.reported).toMatchObject([{ message }])
    },
  )

  it.each([
    ['text', 'admin'],
    ['a list', ['admin']],
    ['a cycle', cycle()],
  ])('contextOf that returns %s is a reported fault of the server', async (_, value) => {
    await using world = openWorld(openStore)
    const here = await world.instance({ model: scriptedModel() })
    const contextOf = () => value
    // @ts-expect-error An application may be written without types.
    const app = new Hono().route('/', sessionRoutes(here.loom, { contextOf }))
    const body = JSON.stringify({ id: 'rule', messages: [userMessage('Go.')] })
    const response = await app.request('/chat', { method: 'POST', body })
    expect(response.status).toBe(500)
    expect(here.reported).toMatchObject([
      { message: expect.stringContaining('contextOf must return an object') },
    ])
    expect((await app.request('/chat/rule')).status).toBe(404)
  })
}

function cycle(): object {
  const self: Record<string, unknown> = {}
  self['self'] = self
  return self
}
