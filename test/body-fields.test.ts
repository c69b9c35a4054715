/** The fields of posted bodies: a field that a route does not understand is an error. `model` is a choice of the client. */
import { randomUUID } from 'node:crypto'

import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { sessionRoutes } from '../routes/session.ts'
import { type AgentDefinition, defineAgent } from '../src/agent.ts'
import { Loom } from '../src/loom.ts'
import type { Models } from '../src/model.ts'
import { openMemoryStore } from '../src/store/memory.ts'
import type { NamedTool } from '../src/tool.ts'
import { models } from './recorded-run.ts'
import { calls, says, type Script, scriptedModel } from './scripted-model.ts'
import { Gate, saysWhen } from './sessions/scripts.ts'
import { openWorld, untilState } from './sessions/world.ts'

const remove: NamedTool = {
  name: 'remove',
  description: 'Removes.',
  inputSchema: z.object({}),
  needsApproval: true,
  execute: () => 'removed',
}

/** Models by name, and each request to one of them. */
function namedModels(scripts: Record<string, Script[]>) {
  const asked: string[] = []
  const known = new Map(
    Object.entries(scripts).map(([name, list]) => [name, scriptedModel(...list)]),
  )
  const registry: Models = {
    ...models,
    facts: (reference) => models.facts(reference),
    doubt: (reference) => models.doubt(reference),
    search: (search) => models.search(search),
    redact: (text) => text,
    providers: [],
    async resolve(reference) {
      const model = typeof reference === 'string' ? known.get(reference) : undefined
      if (model === undefined) return models.resolve(reference)
      return {
        ...model,
        doStream(options) {
          asked.push(typeof reference === 'string' ? reference : reference.modelId)
          return model.doStream(options)
        },
      }
    },
  }
  return { registry, asked }
}

function openApp(definition: Partial<AgentDefinition>, registry: Models = models) {
  const agent = defineAgent({ name: 'tester', systemPrompt: 'Be brief.', ...definition })
  const loom = new Loom({ agents: [agent], models: registry })
  const app = new Hono().route('/', sessionRoutes(loom))
  const post = async (path: string, body: object | string, headers: object = {}) => {
    const response = await app.request(`/chat${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { accept: 'application/json', ...headers },
    })
    return { status: response.status, text: await response.text() }
  }
  return { app, post, loom }
}

const known =
  'It may have: agent, context, continues, id, lastMessageId, message, messageId, messages, model, trigger, whenBusy.'

describe('an unknown field', () => {
  it('of a posted chat is refused with its name, a hint and the known names', async () => {
    const { post } = openApp({ model: scriptedModel() })
    for (const [field, hint] of [
      ['contxt', ' Did you mean "context"?'],
      ['temperature', ''],
      ['isAnswered', ''],
    ]) {
      const { status, text } = await post('', { id: 'c', message: 'Hi', [field ?? '']: { a: [1] } })
      expect(status).toBe(400)
      expect(JSON.parse(text)).toEqual({
        error: {
          code: 'invalid-request',
          message: `The body has the unknown field "${field}".${hint} ${known} Send values of your own in "context".`,
        },
      })
    }
  })

  it('stores nothing', async () => {
    const { app, post } = openApp({ model: scriptedModel() })
    await post('', { id: 'c', messages: [{ role: 'user', content: 'Hi' }], user: 'ada' })
    expect((await app.request('/chat/c')).status).toBe(404)
  })

  it.each([
    ['/c/stop', { queue: 'hold', mesageId: 'm' }, 'messageId, queue'],
    ['/c/tools/t', { output: 1, error: 'x' }, 'errorText, output'],
    ['/c/approvals/a', { approved: true, resaon: 'x' }, 'approved, reason'],
    ['/c/fork', { messageID: 'x' }, 'branch, id, messageId'],
  ])('of %s is refused', async (path, body, names) => {
    const { post } = openApp({ model: scriptedModel(says('Hi.')) })
    await post('', { id: 'c', message: 'Hi' })
    const { status, text } = await post(path, body)
    expect(status).toBe(400)
    expect(text).toContain('The body has the unknown field')
    expect(text).toContain(`It may have: ${names}.`)
  })

  it('of a request to run the queue is refused, and an empty body is not', async () => {
    const { post } = openApp({ model: scriptedModel(says('Hi.')) })
    await post('', { id: 'c', message: 'Hi' })
    expect((await post('/c/queue/run', { now: true })).text).toContain('must have no field')
    expect((await post('/c/queue/run', '')).status).toBe(200)
  })

  it('in a message is kept: clients have fields of their own there', async () => {
    const { post } = openApp({ model: scriptedModel(says('Hi.')) })
    const message = { id: 'u', role: 'user', parts: [{ type: 'text', text: 'Hi' }], createdAt: 'x' }
    const body = { id: 'c', messages: [message], trigger: 'submit-message', messageId: undefined }
    expect((await post('', body)).status).toBe(200)
  })
})

describe('the model of a posted chat', () => {
  const offered = ['one/small', 'two/large']

  it('is refused unless the agent lists it', async () => {
    for (const [models, model, message] of [
      [undefined, 'one/small', 'lets no client choose its model: post without \\"model\\".'],
      [offered, 'one/smal', 'Did you mean \\"one/small\\"? It offers: one/small, two/large.'],
      [() => Promise.resolve([]), 'one/small', 'lets no client choose its model'],
    ] as const) {
      const { app, post } = openApp({
        model: scriptedModel(),
        ...(models !== undefined && { models }),
      })
      const { status, text } = await post('', { id: 'c', message: 'Hi', model })
      expect(status).toBe(400)
      expect(text).toContain(message)
      expect((await app.request('/chat/c')).status).toBe(404)
    }
  })

  it('answers this message, and the next one has the model of the agent', async () => {
    const { registry, asked } = namedModels({
      'one/small': [says('Small.')],
      'two/large': [says('Large.')],
    })
    const { post } = openApp({ model: 'one/small', models: offered }, registry)
    await post('', { id: 'c', message: 'Hi', model: 'two/large' })
    await post('', { id: 'c', message: 'Hi' })
    expect(asked).toEqual(['two/large', 'one/small'])
  })

  it('may depend on the context, also on that of the session', async () => {
    const { registry, asked } = namedModels({ 'two/large': [says('A.'), says('B.')] })
    const models = (context: unknown) => (JSON.stringify(context).includes('pro') ? offered : [])
    const { post } = openApp({ model: 'two/large', models }, registry)
    const model = 'two/large'
    expect((await post('', { id: 'c', message: 'Hi', model })).status).toBe(400)
    const context = { plan: 'pro' }
    expect((await post('', { id: 'c', message: 'Hi', model, context })).status).toBe(200)
    expect((await post('', { id: 'c', message: 'And?', model })).status).toBe(200)
    expect(asked).toHaveLength(2)
  })

  it('is kept after an approval', async () => {
    const { registry, asked } = namedModels({
      'one/small': [says('Wrong.')],
      'two/large': [calls(['remove', {}]), says('Done.')],
    })
    const definition = { model: 'one/small', models: offered, tools: [remove] }
    const { app, post } = openApp(definition, registry)
    const waiting = await post('', { id: 'c', message: 'Go.', model: 'two/large' })
    const prompt: unknown = await (await app.request('/chat/c/prompt')).json()
    expect(prompt).toMatchObject({ model: 'two/large' })
    const [, approvalId = ''] = /"approval":\{"id":"([^"]+)"/.exec(waiting.text) ?? []
    const { text } = await post(`/c/approvals/${approvalId}`, { approved: true })
    expect(JSON.parse(text)).toMatchObject({
      text: 'Done.',
      message: { metadata: { requestedModel: 'two/large' } },
    })
    expect(asked).toEqual(['two/large', 'two/large'])
  })

  it('is kept after a takeover', async () => {
    const store = openMemoryStore()
    await using world = openWorld(async () => ({ ...store, close: async () => {} }))
    const gate = new Gate('the first words')
    const chosen = (script: Script) => namedModels({ 'two/large': [script] })
    const owners = chosen(saysWhen(gate, 'Half', ' lost'))
    const heirs = chosen(says(' whole.'))
    const agent = { model: scriptedModel(), models: offered }
    const owner = await world.instance(agent, owners.registry)
    const id = randomUUID()
    const app = new Hono().route('/', sessionRoutes(owner.loom))
    await app.request('/chat', {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      body: JSON.stringify({ id, message: 'Go.', model: 'two/large' }),
    })
    await gate.reached()
    owner.freeze()
    const heir = await world.instance(agent, heirs.registry)
    await untilState(heir, id, 'idle')
    expect(heirs.asked).toEqual(['two/large'])
  })
})
