/** The ends of tasks: stops, abandoned questions, limits, budgets, contexts and owners. */
import type { UIMessage } from 'ai'
import type { Hono } from 'hono'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { fieldOf } from '../src/ground/fields.ts'
import {
  agentTool,
  type AgentTools,
  defineAgent,
  defineTool,
  human,
  Loom,
  openMemoryStore,
  sessionRoutes,
  type TaskInfo,
} from '../src/index.ts'
import type { TaskOptions } from '../src/loom.ts'
import { until } from './redis/until.ts'
import { callTool, sayBy } from './tasks/models.ts'

let loom: Loom
let app: Hono
let running = 0
let most = 0
let release: (() => void)[] = []

/** Works until the test releases it. */
const work = defineTool({
  name: 'work',
  description: 'Works.',
  inputSchema: z.object({}),
  retry: 'safe',
  async execute(_, { signal }) {
    running += 1
    most = Math.max(most, running)
    try {
      await new Promise<void>((resolve, reject) => {
        release.push(resolve)
        signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
      })
      return 'worked'
    } finally {
      running -= 1
    }
  },
})

const worker = defineAgent({
  name: 'worker',
  systemPrompt: ({ city = 'nowhere' }: { city?: string }) => `Work in ${city}.`,
  model: sayBy(({ prompt, results, system }) => {
    if (results.length > 0) return `worked: ${String(results.at(-1))}`
    if (prompt.startsWith('ask')) return callTool('human', { question: prompt })
    if (prompt.startsWith('quick')) return `${prompt}, ${system}`
    return callTool('work', {})
  }),
  tools: [human(), work],
})

const lead = (tools: AgentTools, fields: object = {}) =>
  defineAgent({
    name: 'lead',
    systemPrompt: 'Lead.',
    model: sayBy(({ prompt, results }) => {
      if (prompt.includes('background task')) return 'noted'
      if (results.length > 0) return `done: ${results.map(String).join()}`
      if (prompt.startsWith('hello')) return 'hello'
      const [name = '', ...prompts] = prompt.split(';')
      return prompts.flatMap((each) =>
        name === 'human' ? callTool('human', { question: each }) : callTool(name, { prompt: each }),
      )
    }),
    tools,
    ...fields,
  })

const awaited = [agentTool(worker)]
const background = [agentTool(worker, { name: 'later', background: true }), human()]

function open(tools: AgentTools, tasks: Partial<TaskOptions> = {}, fields: object = {}) {
  loom = new Loom({
    agents: [lead(tools, fields)],
    store: openMemoryStore(),
    heartbeatMs: 300,
    tasks,
  })
  closeAfter(loom)
  app = sessionRoutes(loom, { principalOf: (c) => c.req.header('x-user') ?? '' })
  return loom.startAgent('lead', 'one')
}

/** A test that opens nothing closes nothing, in any order of the tests. */
function closeAfter(opened: Loom) {
  onTestFinished(async () => {
    for (const each of release) each()
    release = []
    most = 0
    await opened.close()
  })
}

const call = async (method: string, path: string, body?: unknown, user = '') => {
  const response = await app.request(`/chat${path}`, {
    method,
    headers: { 'content-type': 'application/json', accept: 'application/json', 'x-user': user },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

const states = async (): Promise<string[]> =>
  (await call('GET', '/one/tasks')).body.tasks.map(({ state }: TaskInfo) => state)
const untilStates = (...expected: string[]) =>
  until(5000, `states ${expected.join()}`, async () => (await states()).join() === expected.join())
const messages = async (): Promise<UIMessage[]> => (await call('GET', '/one/messages')).body

describe('a stop', () => {
  it('stops the tasks that the turn waits for', async () => {
    const session = open(awaited)
    await session.cast('worker;a;b')
    await until(5000, 'two work', () => running === 2)
    expect((await call('POST', '/one/stop')).body).toMatchObject({ stopped: true })
    await untilStates('stopped', 'stopped')
    expect(running).toBe(0)
  })

  it('leaves background tasks, and ?tree=1 stops them without results', async () => {
    const session = open(background)
    await session.call('later;a;b')
    await until(5000, 'two work', () => running === 2)
    expect((await call('POST', '/one/stop')).body).toEqual({ stopped: false })
    expect(running).toBe(2)
    expect((await call('POST', '/one/stop?tree=1')).body).toEqual({ stopped: false, tasks: 2 })
    await untilStates('stopped', 'stopped')
    expect(await messages()).toHaveLength(2)
  })

  it('of a tree is asked for in the path, and not in the body', async () => {
    const session = open(awaited)
    await session.call('hello')
    const { status, body } = await call('POST', '/one/stop', { tree: true })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain('add ?tree=1 to the path')
    expect((await call('POST', '/one/stop', { constructor: 1 })).status).toBe(400)
  })

  it('of one task is its result', async () => {
    const session = open(background)
    await session.call('later;a')
    const [task] = await session.tasks()
    await until(5000, 'it works', () => running === 1)
    expect((await call('POST', `/${task?.id}/stop`)).body).toMatchObject({ stopped: true })
    await until(5000, 'the result', async () => (await messages()).length === 4)
    expect(JSON.stringify((await messages())[2])).toContain('was stopped')
  })

  it('of a task that waits ends the wait of its parent', async () => {
    const session = open(awaited)
    await session.call('worker;ask me')
    const [task] = await session.tasks()
    expect((await call('POST', `/${task?.id}/stop`)).body).toMatchObject({ stopped: true })
    await until(5000, 'idle', async () => (await call('GET', '/one')).body.state === 'idle')
    expect(JSON.stringify((await messages()).at(-1))).toContain('was stopped')
    expect(await states()).toEqual(['stopped'])
  })
})

describe('a deletion of a tree', () => {
  it('reports no lost answer, although the owner gets no hint of it', async () => {
    const reports: unknown[] = []
    const store = openMemoryStore()
    const deaf = { ...store, watch: async () => () => {} }
    const tools = [...awaited, agentTool(worker, { name: 'later', background: true })]
    const options = { agents: [lead(tools)], heartbeatMs: 60_000 }
    loom = new Loom({ ...options, store: deaf, report: (error) => reports.push(error) })
    closeAfter(loom)
    const other = new Loom({ ...options, store, report: (error) => reports.push(error) })
    closeAfter(other)
    await loom.startAgent('lead', 'one').cast('worker;a;b')
    await until(5000, 'two work', () => running === 2)
    await other.startAgent('lead', 'one').delete()
    for (const each of release) each()
    await loom.sessions.idle(AbortSignal.timeout(5000))
    expect(reports).toEqual([])
    expect(await store.removedTasks('one')).toEqual([])
  })
})

describe('a deletion of one task', () => {
  it('ends the wait of its parent, whose call does not begin it anew', async () => {
    const session = open(awaited)
    await session.call('worker;ask me')
    const [task] = await session.tasks()
    expect((await call('DELETE', `/${task?.id}`)).status).toBe(204)
    await until(5000, 'idle', async () => (await call('GET', '/one')).body.state === 'idle')
    expect(fieldOf((await messages()).at(-1)?.parts.at(-1), 'text')).toMatch(/was deleted/)
    expect(await states()).toEqual([])
  })

  it('is the result of a background task', async () => {
    const session = open(background)
    await session.call('later;ask me')
    await untilStates('waiting')
    const [task] = await session.tasks()
    await call('DELETE', `/${task?.id}`)
    await until(5000, 'the result', async () => (await messages()).length === 4)
    expect(JSON.stringify((await messages())[2])).toContain('was stopped')
    expect(await states()).toEqual([])
  })
})

describe('a message to a task that works', () => {
  const toTask = async (session: ReturnType<typeof open>) => {
    await until(5000, 'it works', () => running === 1)
    const [task] = await session.tasks()
    const answer = call('POST', '', { id: task?.id, message: 'quick word' })
    await until(5000, 'it is queued', async () => {
      return (await call('GET', `/${task?.id}`)).body.queued === 1
    })
    return { answer }
  }

  it('leaves the result of the task as it was', async () => {
    const session = open(background)
    await session.call('later;a')
    const { answer } = await toTask(session)
    for (const each of release.splice(0)) each()
    expect((await answer).body.text).toContain('quick word')
    await until(5000, 'the result', async () => (await messages()).length === 4)
    const text = fieldOf((await messages())[2]?.parts[0], 'text')
    expect(text).toMatch(/has finished[^]*worked: worked$/)
  })

  it('leaves its restarts as they were', async () => {
    let failures = 0
    const fragile = defineAgent({
      name: 'fragile',
      systemPrompt: 'Try.',
      model: sayBy(({ prompt, results }) => {
        if (prompt.startsWith('quick')) return failures > 1 ? 'worked again' : 'quick'
        if (results.length === 0) return callTool('work', {})
        failures += 1
        throw new Error(`failure ${failures}`)
      }),
      tools: [work],
    })
    const session = open([agentTool(fragile, { restarts: 1 })])
    const whole = session.call('fragile;go')
    const { answer } = await toTask(session)
    for (const each of release.splice(0)) each()
    await answer
    expect((await whole).text).toMatch(/^done: /)
    expect((await states())[0]).toMatch(/finished|failed/)
  })
})

describe('a question that a new message abandons', () => {
  it('closes, and its task stops', async () => {
    const session = open(awaited)
    await session.call('worker;ask me')
    await session.call('hello')
    await untilStates('stopped')
    const [, asked] = await messages()
    expect(JSON.stringify(asked)).not.toMatch(/input-available|"preliminary":true/)
  })
})

describe('a session that waits', () => {
  it('waits on while a background result comes, and gets it afterwards', async () => {
    const session = open(background)
    await session.call('later;quick')
    await until(5000, 'result', async () => (await messages()).length === 4)
    await session.call('later;a')
    await until(5000, 'it works', () => running === 1)
    await session.call('human;which?')
    for (const each of release) each()
    await untilStates('finished', 'finished')
    const info = (await call('GET', '/one')).body
    expect(info.state).toBe('waiting')
    await until(5000, 'queued', async () => (await call('GET', '/one')).body.queued === 1)
    const part = (await session.messages()).length
    expect(part).toBeGreaterThan(4)
    const waiting = await session.watch()
    const reply = await waiting?.reply()
    const id = String(fieldOf(reply?.message.parts.at(-1), 'toolCallId'))
    await call('POST', `/one/tools/${id}`, { output: 'that' })
    await until(5000, 'all', async () => (await call('GET', '/one')).body.queued === 0)
    await until(5000, 'idle', async () => (await call('GET', '/one')).body.state === 'idle')
    expect(JSON.stringify(await messages())).toContain('worked: worked')
  })
})

describe('the limits of a tree', () => {
  it('run so many tasks of a session at once, and the others after them', async () => {
    const session = open(background, { openMax: 3 })
    await session.call(`later;${Array.from({ length: 10 }, (_, index) => index).join(';')}`)
    await until(5000, 'three work', () => running === 3)
    expect((await states()).filter((state) => state === 'queued')).toHaveLength(7)
    await until(10_000, 'all are finished', async () => {
      for (const each of release.splice(0)) each()
      return (await states()).every((state) => state === 'finished')
    })
    expect(most).toBe(3)
  })

  it('count no task that waits for a human, so all questions of a session come at once', async () => {
    const session = open(awaited, { openMax: 1 })
    await session.call('worker;ask a;ask b;ask c')
    const { waitsFor = [] } = (await session.info()) ?? {}
    expect(waitsFor.map(({ input }) => fieldOf(input, 'question'))).toEqual([
      'ask a',
      'ask b',
      'ask c',
    ])
    for (const { toolCallId } of waitsFor) {
      await call('POST', `/one/tools/${toolCallId}`, { output: toolCallId.length > 0 })
    }
    expect(await states()).toEqual(['finished', 'finished', 'finished'])
  })

  it('refuse too many unfinished tasks, and too deep ones', async () => {
    const middle = defineAgent({
      name: 'middle',
      systemPrompt: 'Delegate.',
      model: sayBy(({ results }) =>
        results.length > 0 ? JSON.stringify(results) : callTool('worker', { prompt: 'quick' }),
      ),
      tools: awaited,
    })
    const session = open([agentTool(middle), ...background], {
      unfinishedMax: 2,
      depthMax: 1,
    })
    const { message } = await session.call('later;a;b;c')
    expect(JSON.stringify(message.parts)).toMatch(/has 2 unfinished tasks, .* call again/)
    await call('POST', '/one/stop?tree=1')
    const deep = await session.call('middle;go')
    expect(JSON.stringify(deep.message.parts)).toMatch(
      /at most 1 session above it.*Do the work without/,
    )
  })

  it.each<[object, RegExp]>([
    [{ depthMax: -1 }, /tasks\.depthMax must be a whole number from 0/],
    [{ openMax: 0 }, /tasks\.openMax must be a whole number from 1/],
    [{ unfinishedMax: Infinity }, /tasks\.unfinishedMax must be a whole number from 1/],
    [
      { depth: 2 },
      /tasks has the unknown field "depth"\. It may have: depthMax, openMax, unfinishedMax/,
    ],
  ])('of a wrong form are refused: %j', (limits, text) => {
    expect(() => open(background, limits)).toThrow(text)
  })
})

describe('the spending of tasks', () => {
  it('counts in the message of the call, once in the session, and in the budget of the root', async () => {
    const session = open(awaited, {}, { sessionBudget: { maxTokens: 70 } })
    const { message } = await session.call('worker;quick a;quick b')
    // Four model calls of 15 tokens each.
    expect(message.metadata).toMatchObject({ usage: { totalTokens: 60 } })
    expect((await session.info())?.spent?.usage.totalTokens).toBe(30)
    expect((await session.tasks()).map(({ spent }) => spent?.usage.totalTokens)).toEqual([15, 15])
    const { message: second } = await session.call('worker;quick c')
    expect(second.metadata).toMatchObject({ outcome: 'max-tokens' })
  })

  it('ends at once if the step that calls them has used the budget', async () => {
    const session = open(awaited, {}, { sessionBudget: { maxTokens: 15 } })
    const { message } = await session.call('worker;quick a;quick b')
    expect(message.metadata).toMatchObject({ usage: { totalTokens: 15 }, outcome: 'max-tokens' })
    expect(await session.tasks()).toMatchObject(
      ['a', 'b'].map(() => ({
        state: 'failed',
        error: expect.stringContaining('its budget is 15'),
      })),
    )
  })
})

describe('the options of agentTool', () => {
  it('refuse a time limit of a call that never waits', () => {
    const options = { background: true, timeoutMs: 1000 } as const
    expect(() => agentTool(worker, options)).toThrow('timeoutMs of agentTool("worker")')
    expect(() => agentTool(worker, { ...options, background: 'model' })).not.toThrow()
  })

  it('let the model choose the background', async () => {
    const session = open([agentTool(worker, { name: 'choice', background: 'model' })])
    loom.replaceAgents([
      defineAgent({
        name: 'lead',
        systemPrompt: 'Lead.',
        tools: [agentTool(worker, { name: 'choice', background: 'model' })],
        model: sayBy(({ prompt, results }) => {
          if (prompt.includes('background task')) return 'noted'
          if (results.length > 0) return `done: ${results.map(String).join()}`
          return [true, false].flatMap((background) =>
            callTool('choice', { prompt: `quick ${String(background)}`, background }),
          )
        }),
      }),
    ])
    const { message } = await session.call('both')
    const outputs = message.parts.flatMap((part) => fieldOf(fieldOf(part, 'output'), 'text') ?? [])
    expect(outputs[0]).toMatch(/^The task .* has begun in the background/)
    expect(outputs[1]).toBe('quick false, Work in nowhere.')
    await untilStates('finished', 'finished')
    await until(5000, 'the result', async () =>
      JSON.stringify(await messages()).includes('quick true, Work in nowhere.'),
    )
    expect((await session.tasks()).map(({ background }) => background)).toEqual([true, false])
  })

  it('restart a task after its last finished step', async () => {
    let failures = 0
    const fragile = defineAgent({
      name: 'fragile',
      systemPrompt: 'Try.',
      model: sayBy(({ results }) => {
        if (results.length === 0) return callTool('work', {})
        failures += 1
        if (failures < 3) throw new Error(`failure ${failures}`)
        return `worked after ${failures - 1} failures`
      }),
      tools: [work],
    })
    const session = open([agentTool(fragile, { restarts: 2 })])
    const answer = session.call('fragile;go')
    await until(5000, 'it works', () => running === 1)
    for (const each of release) each()
    expect((await answer).text).toBe('done: worked after 2 failures')
    expect(release).toHaveLength(1)
    const [task] = await session.tasks()
    expect(task).toMatchObject({ state: 'finished' })
    expect(task).not.toHaveProperty('error')
  })
})

describe('a task', () => {
  it('has the context of its parent, and its tools may depend on it', async () => {
    const toolsOf = ({ city }: { city?: string }) => (city === undefined ? [] : awaited)
    const session = open([], {}, { tools: toolsOf })
    const { text } = await session.call('worker;quick', { context: { city: 'Oslo' } })
    expect(text).toBe('done: quick, Work in Oslo.')
  })

  it('has its own agent in the schedules of its session', async () => {
    const session = open(awaited)
    await session.call('worker;quick')
    const id = (await session.tasks()).map((task) => task.id).join()
    const path = `/${encodeURIComponent(id)}/schedules`
    const own = { agent: 'worker' }
    expect(await call('POST', path, { message: 'quick', after: 60_000 })).toMatchObject({
      body: own,
    })
    expect(await call('GET', path)).toMatchObject({ body: { schedules: [own] } })
    expect(await (await loom.session(id))?.schedules()).toMatchObject([own])
  })

  it('belongs to the principal of its parent, and is in no list', async () => {
    open(awaited)
    const mine = loom.startAgent('lead', 'one', { principal: 'ann' })
    await mine.call('worker;quick')
    const [task] = await mine.tasks()
    expect((await call('GET', `/${task?.id}`, undefined, 'ann')).status).toBe(200)
    const foreign: [method: string, path: string, body?: object][] = [
      ['GET', '/one/tasks'],
      ['GET', `/${task?.id}`],
      ['GET', `/${task?.id}/tasks`],
      ['GET', `/${task?.id}/schedules`],
      ['POST', `/${task?.id}/schedules`, { message: 'hello', after: 60_000 }],
      ['POST', `/${task?.id}/fork`, { id: 'copy' }],
      ['POST', `/${task?.id}/stop`],
      ['POST', `/${task?.id}/stop?tree=1`],
      ['POST', `/${task?.id}/tools/call-1`, { output: 'mine' }],
      ['POST', `/${task?.id}/approvals/call-1`, { approved: true }],
      ['DELETE', `/${task?.id}`],
    ]
    for (const [method, path, body] of foreign) {
      expect((await call(method, path, body, 'bob')).status, `${method} ${path}`).toBe(404)
    }
    // The principal has no session with this id, and the history of such an id is empty.
    expect((await call('GET', `/${task?.id}/messages`, undefined, 'bob')).body).toEqual([])
    expect((await mine.tasks()).map(({ state }) => state)).toEqual(['finished'])
    const { sessions } = (await call('GET', '', undefined, 'ann')).body
    expect(sessions.map(({ id }: { id: string }) => id)).toEqual(['one'])
  })

  it('goes on as a conversation of its own after its end', async () => {
    const session = open(awaited)
    await session.call('worker;quick')
    const [task] = await session.tasks()
    const body = {
      id: task?.id,
      messages: [{ id: 'm9', role: 'user', parts: [{ type: 'text', text: 'quick again' }] }],
    }
    const answer = await call('POST', '', body)
    expect(answer.status).toBe(200)
    expect(JSON.stringify(answer.body)).toContain('quick again, Work in nowhere.')
    expect(await messages()).toHaveLength(2)
  })

  it('has a copy with its own agent', async () => {
    loom = new Loom({ agents: [lead(awaited), worker], store: openMemoryStore() })
    closeAfter(loom)
    app = sessionRoutes(loom)
    const session = loom.startAgent('lead', 'one')
    await session.call('worker;quick')
    const [task] = await session.tasks()
    const id = task?.id ?? ''
    expect((await call('POST', `/${id}/fork`, { id: 'copy' })).status).toBe(201)
    const info = (await call('GET', '/copy')).body
    expect(info).toMatchObject({ agent: 'worker' })
    expect(info).not.toHaveProperty('parentId')
    const body = {
      id: 'copy',
      messages: [{ id: 'm9', role: 'user', parts: [{ type: 'text', text: 'quick copy' }] }],
    }
    expect(JSON.stringify((await call('POST', '', body)).body)).toContain('quick copy, Work in')
    const copy = await (await loom.session(id))?.fork()
    expect((await copy?.info())?.agent).toBe('worker')
    expect(await copy?.tasks()).toEqual([])
    expect(await session.tasks()).toHaveLength(1)
  })

  it('of an agent that is only a sub-agent has a copy that nothing answers', async () => {
    const session = open(awaited)
    await session.call('worker;quick')
    const [task] = await session.tasks()
    await expect((await loom.session(task?.id ?? ''))?.fork()).rejects.toMatchObject({
      code: 'unavailable',
    })
    expect((await call('POST', `/${task?.id}/fork`, { id: 'copy' })).status).toBe(201)
    const body = {
      id: 'copy',
      messages: [{ id: 'm9', role: 'user', parts: [{ type: 'text', text: 'hello' }] }],
    }
    const refused = await call('POST', '', body)
    expect(refused.status).toBe(503)
    expect(JSON.stringify(refused.body)).toContain('does not have the agent \\"worker\\"')
    expect((await call('POST', '', { ...body, agent: 'lead' })).status).toBe(200)
  })

  it('that nothing started does not exist', async () => {
    open(awaited)
    const id = `one~${'a'.repeat(26)}`
    const body = {
      id,
      messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'hello' }] }],
    }
    expect((await call('POST', '', body)).status).toBe(404)
    expect((await call('POST', '/one/fork', { id })).status).toBeGreaterThanOrEqual(400)
    const schedule = await call('POST', `/${id}/schedules`, { message: 'hello', after: 1000 })
    expect(schedule.status).toBe(404)
  })
})
