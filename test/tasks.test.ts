/** Sub-agents as tasks: awaited and in the background, with questions, stops and deletions. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'
import type { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { fieldOf } from '../src/ground/fields.ts'
import {
  agentTool,
  defineAgent,
  defineTool,
  human,
  Loom,
  openFileStore,
  openMemoryStore,
  openRedisStore,
  sessionRoutes,
  type Store,
} from '../src/index.ts'
import { type RunningRedis, startRedis } from './redis/redis.ts'
import { until } from './redis/until.ts'
import { newFolder } from './store/stored-folder.ts'
import { callTool, sayBy } from './tasks/models.ts'

let loom: Loom
let app: Hono

const double = defineTool({
  name: 'double',
  description: 'Doubles.',
  inputSchema: z.object({ value: z.number() }),
  needsApproval: true,
  retry: 'never',
  execute: ({ value }) => value * 2,
})

const checker = defineAgent({
  name: 'checker',
  systemPrompt: 'Check.',
  model: sayBy(({ prompt, results }) => {
    if (results.length > 0) return `checked with ${JSON.stringify(results.at(-1))}`
    if (prompt.includes('ask')) return callTool('human', { question: 'Which?' })
    if (prompt.includes('approve')) return callTool('double', { value: 4 })
    return `checked ${prompt}`
  }),
  tools: [human(), double],
})

const researcher = defineAgent({
  name: 'researcher',
  systemPrompt: 'Research.',
  model: sayBy(({ prompt, results }) => {
    if (results.length > 0) return `found: ${results.map((each) => JSON.stringify(each)).join()}`
    if (prompt.startsWith('fail')) throw new Error('no luck')
    if (prompt.startsWith('plain')) return `plain answer to ${prompt}`
    return callTool('checker', { prompt })
  }),
  tools: [agentTool(checker)],
})

const lead = defineAgent({
  name: 'lead',
  systemPrompt: 'Lead.',
  model: sayBy(({ prompt, results }) => {
    if (prompt.includes('background task')) return `noted: ${prompt}`
    if (results.length > 0) return `done: ${results.map((each) => JSON.stringify(each)).join()}`
    if (prompt.startsWith('later')) return callTool('worker', { prompt: `plain ${prompt}` })
    return prompt
      .split(';')
      .map((part) => callTool('researcher', { prompt: part.trim() }))
      .flat()
  }),
  tools: [agentTool(researcher), agentTool(researcher, { name: 'worker', background: true })],
})

const call = async (method: string, path: string, body?: unknown) => {
  const response = await app.request(`/chat/${path}`, {
    method,
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}
const tasksOf = async (id: string) => (await call('GET', `${id}/tasks`)).body.tasks
const ask = async (id: string, text: string) => {
  const session = loom.startAgent('lead', id)
  return session.call(text)
}

interface Place {
  name: string
  open: () => Promise<Store>
}

/** The behaviour of tasks does not depend on the store. */
function taskSuite({ name, open }: Place): void {
  describe(`tasks in ${name}`, () => {
    beforeEach(async () => {
      loom = new Loom({ agents: [lead], store: await open(), heartbeatMs: 300, flushMs: 0 })
      app = sessionRoutes(loom)
    })
    afterEach(() => loom.close())

    describe('an awaited task', () => {
      it('answers the call, and is a session below', async () => {
        const { text } = await ask('one', 'plain a; plain b')
        expect(text).toBe('done: "plain answer to plain a","plain answer to plain b"')
        const tasks = await tasksOf('one')
        expect(tasks).toMatchObject([
          { agent: 'researcher', state: 'finished', title: 'plain a', depth: 1, parentId: 'one' },
          { agent: 'researcher', state: 'finished', title: 'plain b', depth: 1 },
        ])
        const messages: UIMessage[] = (await call('GET', `${tasks[0].id}/messages`)).body
        expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant'])
      })
      it('goes three levels', async () => {
        const { text } = await ask('one', 'x; y')
        expect(text).toContain('checked x')
        expect((await tasksOf('one')).map(({ depth }: { depth: number }) => depth).sort()).toEqual([
          1, 1, 2, 2,
        ])
      })
      it('that fails is a tool error', async () => {
        const { message } = await ask('one', 'fail')
        expect(JSON.stringify(message.parts)).toContain('no luck')
        expect(await tasksOf('one')).toMatchObject([{ state: 'failed' }])
      })
    })

    describe('a background task', () => {
      it('sends its result to the parent', async () => {
        const { text } = await ask('one', 'later please')
        expect(text).toContain('has begun in the background')
        await until(
          5000,
          'result',
          async () => (await call('GET', 'one/messages')).body.length === 4,
        )
        const messages = (await call('GET', 'one/messages')).body
        expect(messages[2].parts[0].text).toContain('plain answer to plain later please')
        expect(messages[3].parts.at(-1).text).toContain('noted')
      })
    })

    describe('a question', () => {
      it('of a task appears in the root and is answered there', async () => {
        const first = await ask('one', 'please ask')
        expect(first.state).toBe('waiting')
        const part = first.message.parts.at(-1)
        expect(part).toMatchObject({
          type: 'dynamic-tool',
          toolName: 'checker.human',
          state: 'input-available',
        })
        expect((await tasksOf('one')).map(({ state }: { state: string }) => state)).toEqual([
          'waiting',
          'waiting',
        ])
        const answered = await call('POST', `one/tools/${String(fieldOf(part, 'toolCallId'))}`, {
          output: 'that one',
        })
        expect(answered.status).toBe(200)
        const messages = (await call('GET', 'one/messages')).body
        expect(JSON.stringify(messages.at(-1))).toContain('that one')
        expect(messages.at(-1).parts.at(-1).text).toContain('done')
        expect((await tasksOf('one')).map(({ state }: { state: string }) => state)).toEqual([
          'finished',
          'finished',
        ])
      })
      it('for an approval is decided in the root', async () => {
        const first = await ask('one', 'approve it')
        const part = first.message.parts.at(-1)
        expect(part).toMatchObject({
          type: 'dynamic-tool',
          toolName: 'checker.double',
          state: 'approval-requested',
        })
        const id = fieldOf(fieldOf(part, 'approval'), 'id')
        const answered = await call('POST', `one/approvals/${String(id)}`, { approved: true })
        expect(answered.status).toBe(200)
        const messages = (await call('GET', 'one/messages')).body
        expect(messages.at(-1).parts.at(-1).text).toContain('checked with 8')
        expect(JSON.stringify(messages.at(-1))).not.toContain('approval-responded')
      })
      it('that is answered in the task continues the root', async () => {
        await ask('one', 'please ask')
        const task = (await tasksOf('one')).at(-1)
        await call('POST', `${task.id}/tools/${task.waitsFor[0].toolCallId}`, { output: 'direct' })
        await until(5000, 'root', async () => (await call('GET', 'one')).body.state === 'idle')
        const messages = (await call('GET', 'one/messages')).body
        expect(messages.at(-1).parts.at(-1).text).toContain('direct')
      })
    })

    describe('a deletion', () => {
      it('deletes the tree', async () => {
        await ask('one', 'x; y')
        const tasks = await tasksOf('one')
        expect((await call('DELETE', 'one')).status).toBe(204)
        for (const { id } of tasks) expect((await call('GET', id)).status).toBe(404)
      })
    })
  })
}

let redis: RunningRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const places: Place[] = [
  { name: 'memory', open: async () => openMemoryStore() },
  { name: 'files', open: async () => openFileStore({ folder: await newFolder() }) },
  { name: 'Redis', open: () => openRedisStore({ url: redis.url, prefix: randomUUID() }) },
]
places.forEach(taskSuite)
