/** `write` in the context of a tool: the parts, their checks and limits, and everywhere a message goes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { jsonSchema, tool as sdkTool } from 'ai'
import { Hono } from 'hono'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import type { AgentEvent } from '../src/event.ts'
import { errorMessage } from '../src/ground/error.ts'
import {
  agentTool,
  type DataPart,
  type DataSchemas,
  defineAgent,
  defineTool,
  Loom,
  openFileStore,
  run,
  sessionRoutes,
  streamAgent,
  type ToolContext,
} from '../src/index.ts'
import { within } from './deadline.ts'
import { calls, says, scriptedModel } from './scripted-model.ts'

type Body = (context: ToolContext) => unknown

interface Made {
  dataSchemas?: DataSchemas
  agentSchemas?: DataSchemas
  timeoutMs?: number
  needsApproval?: boolean
}

const workTool = (body: Body, { dataSchemas, timeoutMs, needsApproval }: Made = {}) =>
  defineTool({
    name: 'work',
    description: 'Works.',
    inputSchema: z.looseObject({}),
    ...(dataSchemas !== undefined && { dataSchemas }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(needsApproval !== undefined && { needsApproval }),
    execute: (_, context: ToolContext) => body(context),
  })

function agentWith(body: Body, made: Made = {}) {
  const model = scriptedModel(calls(['work', {}]), says('Done.'), says('Again.'))
  const agent = defineAgent({
    name: 'tester',
    systemPrompt: 'Be brief.',
    model,
    ...(made.agentSchemas !== undefined && { dataSchemas: made.agentSchemas }),
    tools: [workTool(body, made)],
  })
  return { agent, model }
}

const isData = ({ type }: { type: string }) => type.startsWith('data-')

/** Runs the tool in a run, and returns the data events and the outcome of the call. */
async function written(body: Body, made?: Made) {
  const { agent, model } = agentWith(body, made)
  const events: AgentEvent[] = []
  await run(agent, 'Go.', { sink: (event) => void events.push(event) })
  const end = events.find(
    ({ type }) => type === 'tool-output-available' || type === 'tool-output-error',
  )
  const outcome =
    end?.type === 'tool-output-available'
      ? end.output
      : end?.type === 'tool-output-error' && end.errorText
  return { events, data: events.filter(isData), outcome, model }
}

describe('the data parts of a call', () => {
  it('come in their order, before the outcome, also if nobody awaits them', async () => {
    const { events, data, outcome } = await written(
      async ({ write }) => {
        void write({ type: 'data-a', data: 1 })
        void write({ type: 'data-checked', data: { at: 1 } })
        await write({ type: 'data-b', id: 'own', data: [null, 'x'] })
        void write({ type: 'data-a', data: { nested: true }, transient: false })
        return 'worked'
      },
      { dataSchemas: { checked: z.object({ at: z.number() }) } },
    )
    expect(data).toEqual([
      { type: 'data-a', id: 'call-0-1', data: 1 },
      { type: 'data-checked', id: 'call-0-2', data: { at: 1 } },
      { type: 'data-b', id: 'own', data: [null, 'x'] },
      { type: 'data-a', id: 'call-0-3', data: { nested: true } },
    ])
    expect(outcome).toBe('worked')
    const types = events.map(({ type }) => type)
    expect(types.findLastIndex((type) => type.startsWith('data-'))).toBeLessThan(
      types.indexOf('tool-output-available'),
    )
  })

  it('have the value at the time of the call', async () => {
    const { data } = await written(({ write }) => {
      const progress = { percent: 1 }
      void write({ type: 'data-progress', data: progress })
      progress.percent = 2
      void write({ type: 'data-progress', data: progress })
      progress.percent = 3
    })
    expect(data).toMatchObject([{ data: { percent: 1 } }, { data: { percent: 2 } }])
  })

  it('have the JSON form, and the value that the schema returned', async () => {
    const { data } = await written(
      async ({ write }) => {
        await write({ type: 'data-at', data: { at: new Date(0), none: undefined } })
        await write({ type: 'data-progress', data: { extra: 1 } })
      },
      { dataSchemas: { progress: z.object({ percent: z.number().default(0) }) } },
    )
    expect(data).toMatchObject([
      { data: { at: '1970-01-01T00:00:00.000Z' } },
      { data: { percent: 0 } },
    ])
  })

  it('come from a generator and from a tool of the AI SDK', async () => {
    const events: AgentEvent[] = []
    const agent = defineAgent({
      name: 'tester',
      systemPrompt: 'Be brief.',
      model: scriptedModel(calls(['yields', {}], ['sdk', {}]), says('Done.')),
      toolConcurrency: 1,
      tools: [
        defineTool({
          name: 'yields',
          description: 'Yields.',
          inputSchema: z.looseObject({}),
          async *execute(_, { write }) {
            await write({ type: 'data-step', data: 1 })
            yield 'half'
            await write({ type: 'data-step', data: 2 })
            return 'whole'
          },
        }),
        {
          sdk: sdkTool({
            inputSchema: jsonSchema({ type: 'object' }),
            async execute(_, options) {
              if ('write' in options && typeof options.write === 'function') {
                await options.write({ type: 'data-step', data: 3 })
              }
            },
          }),
        },
      ],
    })
    await run(agent, 'Go.', { sink: (event) => void events.push(event) })
    const shown = events.flatMap((event) =>
      'output' in event ? [event.output] : isData(event) && 'data' in event ? [event.data] : [],
    )
    expect(shown).toEqual([1, 'half', 2, 'whole', 3, null])
  })

  it('are sent before the error of a tool that throws', async () => {
    const { data, outcome } = await written(({ write }) => {
      void write({ type: 'data-progress', data: 1 })
      throw new Error('no luck')
    })
    expect(data).toHaveLength(1)
    expect(outcome).toBe('no luck')
  })

  it('are never sent to the model', async () => {
    const { model } = await written(({ write }) => write({ type: 'data-secret', data: 'hidden' }))
    expect(model.asked).toHaveLength(2)
    expect(JSON.stringify(model.asked)).not.toMatch(/secret|hidden/)
  })

  it('wait for a sink that is slow', async () => {
    const { agent } = agentWith(async ({ write }) => {
      await write({ type: 'data-first', data: 1 })
      return held ? 'held' : 'not held'
    })
    let held = false
    let outcome: unknown
    await run(agent, 'Go.', {
      async sink(event) {
        if (event.type === 'tool-output-available') outcome = event.output
        if (event.type !== 'data-first') return
        await nextTurn()
        held = true
      },
    })
    expect(outcome).toBe('held')
  })
})

const cycle: Record<string, unknown> = {}
cycle['inner'] = { cycle }

const wrongParts: [what: string, part: unknown, error: RegExp][] = [
  ['a function', { type: 'data-x', data: { run: () => 1 } }, /data\.run is of the type function/],
  ['a cycle', { type: 'data-x', data: cycle }, /data\.inner\.cycle contains itself/],
  ['a BigInt', { type: 'data-x', data: [1n] }, /data\[0\] is of the type bigint/],
  [
    'a number without JSON',
    { type: 'data-x', data: { percent: Number.NaN } },
    /data\.percent is NaN/,
  ],
  ['a Map', { type: 'data-x', data: new Map() }, /data is of the type Map/],
  ['bytes', { type: 'data-x', data: new Uint8Array(3) }, /data is of the type Uint8Array/],
  ['no data', { type: 'data-x' }, /data is undefined/],
  [
    'a value that is too large',
    { type: 'data-x', data: 'x'.repeat(16_800_000) },
    /The data of "data-x" is longer than/,
  ],
  [
    'too many values',
    { type: 'data-x', data: Array.from({ length: 100_001 }, () => 0) },
    /The data of "data-x" holds more than 100,000 values/,
  ],
  ['another type', { type: 'text-delta', data: 1 }, /type of a data part is "data-" and a name/],
  ['an empty name', { type: 'data-', data: 1 }, /type of a data part is "data-" and a name/],
  [
    "a name of Loom's own",
    { type: 'data-output', id: 'output', data: 1 },
    /"data-output" is a part of Loom's own/,
  ],
  [
    'an id that is no text',
    { type: 'data-x', id: 7, data: 1 },
    /The id of "data-x" must be a text/,
  ],
  [
    'transient that is no flag',
    { type: 'data-x', data: 1, transient: 'yes' },
    /"transient" of "data-x"/,
  ],
  ['nothing', undefined, /type of a data part/],
  [
    'data of another form',
    { type: 'data-progress', data: { percent: '5' } },
    /does not fit its schema:\npercent: /,
  ],
  [
    "data of another form than the agent's schema",
    { type: 'data-agent', data: 1 },
    /does not fit its schema/,
  ],
  [
    'data of another form than a JSON schema',
    { type: 'data-json', data: {} },
    /does not fit its schema/,
  ],
]

/** A tool and an agent may be written without types. */
function anyPart(part: unknown): DataPart
function anyPart(part: unknown): unknown {
  return part
}
function anySchemas(schemas: unknown): DataSchemas
function anySchemas(schemas: unknown): unknown {
  return schemas
}

describe('a wrong data part', () => {
  const made: Made = {
    dataSchemas: {
      progress: z.object({ percent: z.number() }),
      json: jsonSchema({ type: 'object', required: ['at'], properties: { at: {} } }),
    },
    agentSchemas: { agent: z.string(), progress: z.string() },
  }

  it.each(wrongParts)(
    'with %s fails the call, and nothing of it is sent',
    async (_, part, error) => {
      const { data, outcome } = await written(async ({ write }) => {
        await write({ type: 'data-before', data: 1 })
        void write(anyPart(part))
        void write({ type: 'data-after', data: 1 })
        return 'worked'
      }, made)
      expect(outcome).toEqual(expect.stringMatching(error))
      expect(data).toEqual([{ type: 'data-before', id: 'call-0-1', data: 1 }])
    },
  )

  it('rejects the promise of write', async () => {
    let error: unknown
    await written(async ({ write }) => {
      error = await write({ type: 'data-progress', data: 1 }).catch((reason: unknown) => reason)
    }, made)
    expect(error).toMatchObject({ code: 'invalid-request' })
  })

  it('does not end the turn: the model reads the error', async () => {
    const { model } = await written(({ write }) => write({ type: 'data-progress', data: 1 }), made)
    expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain('does not fit its schema')
  })
})

describe('the limits of a call', () => {
  it('hold 1,000 parts that wait', async () => {
    const { data, outcome } = await written(({ write }) => {
      for (let index = 0; index < 1001; index++)
        void write({ type: 'data-x', id: 'x', data: index })
    })
    expect(outcome).toContain('More than 1,000 data parts, or too much data, wait to be sent')
    expect(data).toHaveLength(1000)
  })

  it('hold 1,000 parts of the message', async () => {
    const { data, outcome } = await written(async ({ write }) => {
      for (let index = 0; index < 1001; index++) await write({ type: 'data-x', data: index })
    })
    expect(outcome).toContain('A call adds at most 1,000 data parts to its message.')
    expect(data).toHaveLength(1000)
  })

  it('do not count parts that replace others or are transient', async () => {
    const { data, outcome } = await written(async ({ write }) => {
      for (let index = 0; index < 1500; index++) {
        await write({ type: 'data-x', id: 'x', data: index })
        await write({ type: 'data-y', data: index, transient: true })
      }
      return 'worked'
    })
    expect(outcome).toBe('worked')
    expect(data).toHaveLength(3000)
  })
})

describe('a part after the end of its call', () => {
  it('is refused', async () => {
    let kept: ToolContext['write'] | undefined
    const { data } = await written(({ write }) => void (kept = write))
    await expect(kept?.({ type: 'data-late', data: 1 })).rejects.toMatchObject({
      code: 'invalid-request',
      message: 'The call is over, so the data part was not sent. Await each write.',
    })
    expect(data).toEqual([])
  })

  it('is refused after the time limit', async () => {
    const ended = Promise.withResolvers<unknown>()
    const { data, outcome } = await written(
      async ({ write, signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        ended.resolve(await write({ type: 'data-late', data: 1 }).catch(errorMessage))
      },
      { timeoutMs: 5 },
    )
    expect(outcome).toBe('Timed out after 5 ms.')
    expect(await within(5000, 'the late part', ended.promise)).toMatch(/Timed out|call is over/)
    expect(data).toEqual([])
  })
})

describe('the schemas of data parts', () => {
  const inputSchema = z.object({})
  it.each([
    ['with the prefix', { 'data-x': z.string() }, /name the schema "x", without "data-"/],
    ["of Loom's own names", { queue: z.string() }, /"data-queue" is a part of Loom's own/],
    ['that are none', { x: { type: 'object' } }, /"x" in dataSchemas must be a zod schema/],
  ])('%s are refused at the start', (_, schemas, error) => {
    const dataSchemas = anySchemas(schemas)
    expect(() => defineTool({ name: 't', description: 'T.', inputSchema, dataSchemas })).toThrow(
      error,
    )
    expect(() => defineAgent({ name: 'a', systemPrompt: 'Hi.', dataSchemas })).toThrow(error)
  })
})

describe('the data parts of a sub-agent', () => {
  const below = () => {
    const { agent } = agentWith(async ({ write }) => {
      await write({ type: 'data-progress', data: 1 })
      await write({ type: 'data-progress', id: 'own', data: 2 })
      await write({ type: 'data-progress', data: 3, transient: true })
    })
    return agent
  }

  it('are in the message of the agent above', async () => {
    const events: AgentEvent[] = []
    const lead = defineAgent({
      name: 'lead',
      systemPrompt: 'Lead.',
      // Its own schema of the name does not check the parts of others.
      dataSchemas: { progress: z.string() },
      model: scriptedModel(calls(['tester', { prompt: 'Go.' }]), says('Done.')),
      tools: [agentTool(below())],
    })
    await run(lead, 'Go.', { sink: (event) => void events.push(event) })
    expect(events.filter(isData)).toEqual([
      { type: 'data-progress', id: 'call-0/1/call-0-1', data: 1 },
      { type: 'data-progress', id: 'own', data: 2 },
      { type: 'data-progress', id: 'call-0/1/call-0-2', data: 3, transient: true },
    ])
  })

  it('reach only the sink of a run that does not forward them', async () => {
    const seen: string[] = []
    const { data } = await written(async ({ run: runBelow }) => {
      await runBelow(below(), 'Go.', { sink: ({ type }) => void seen.push(type) })
      await runBelow(below(), 'Go.')
    })
    expect(seen).toContain('data-progress')
    expect(data).toEqual([])
  })
})

const writes: Body = async ({ write }) => {
  await write({ type: 'data-progress', id: 'p', data: { percent: 50 } })
  await write({ type: 'data-note', data: 'seen once', transient: true })
  await write({ type: 'data-row', data: { name: 'Ada' } })
  await write({ type: 'data-progress', id: 'p', data: { percent: 100 } })
  return 'worked'
}

const kept = [
  { type: 'data-progress', id: 'p', data: { percent: 100 } },
  { type: 'data-row', id: 'call-0-2', data: { name: 'Ada' } },
]

function openApp(made?: Made) {
  const { agent, model } = agentWith(writes, made)
  const loom = new Loom({ agents: [agent] })
  onTestFinished(() => loom.close())
  const app = new Hono()
    .route('/', sessionRoutes(loom))
    .post('/one', async (c) => streamAgent(c, agent, (await c.req.json()).messages))
  const post = async (path: string, body: object, accept = '*/*') => {
    const headers = { 'content-type': 'application/json', accept }
    const response = await app.request(path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    const text = await response.text()
    expect(response.status, text).toBe(200)
    return text
  }
  const messages = async () => {
    const read: { parts: { type: string }[] }[] = JSON.parse(
      await (await app.request('/chat/one/messages')).text(),
    )
    return read
  }
  return { app, loom, model, post, messages }
}

const chunksIn = (text: string): { type: string }[] =>
  [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = '']) => JSON.parse(json))

describe('over HTTP, the data parts', () => {
  it.each(['', 'v5', 'v6', 'v7'])(
    'are chunks for a reader with the profile "%s"',
    async (profile) => {
      const { post, messages } = openApp()
      const query = profile && `?profile=${profile}`
      const text = await post(`/chat${query}`, { id: 'one', message: 'Go.' })
      expect(chunksIn(text).filter(isData)).toEqual([
        { type: 'data-progress', id: 'p', data: { percent: 50 } },
        { type: 'data-note', id: 'call-0-1', data: 'seen once', transient: true },
        { type: 'data-row', id: 'call-0-2', data: { name: 'Ada' } },
        { type: 'data-progress', id: 'p', data: { percent: 100 } },
      ])
      const [first, row] = kept
      const stored = (await messages()).at(-1)?.parts.filter(isData)
      expect(stored).toEqual([first, { ...row, id: 'call-0-2' }])
    },
  )

  it('are parts of the message of a JSON reply', async () => {
    const { post, messages } = openApp()
    const reply: { message: { parts: { type: string }[] } } = JSON.parse(
      await post('/chat', { id: 'one', message: 'Go.' }, 'application/json'),
    )
    expect(reply.message.parts.filter(isData)).toHaveLength(2)
    expect(reply.message).toEqual((await messages()).at(-1))
  })

  it('are not in a text stream, and are data of the data stream', async () => {
    const { post } = openApp()
    expect(await post('/chat?protocol=text', { id: 'one', message: 'Go.' })).toBe('Done.')
    const { post: postOther } = openApp()
    const lines = (await postOther('/chat?protocol=data', { id: 'one', message: 'Go.' })).split(
      '\n',
    )
    expect(lines).toContain('2:[{"type":"data-progress","id":"p","data":{"percent":100}}]')
  })

  it('come back in the history of a client, and the model does not receive them', async () => {
    const { post, messages, model } = openApp()
    await post('/chat', { id: 'one', message: 'Go.' })
    const history = await messages()
    expect(JSON.stringify(history)).toContain('data-progress')
    const answer = await post('/one', { messages: [...history, userMessage('And now?')] })
    expect(answer).toContain('Again.')
    expect(JSON.stringify(model.asked.at(-1)?.prompt)).toContain('And now?')
    expect(JSON.stringify(model.asked)).not.toMatch(/data-progress|percent|Ada/)
  })

  it('are in the events of follow, of a session in code and of the reply', async () => {
    const { loom } = openApp()
    const session = loom.startAgent('tester', 'one')
    const answer = await session.send('Go.')
    const types: string[] = []
    for await (const { type } of session.follow({ scope: 'queue' })) types.push(type)
    expect(types.filter((type) => type.startsWith('data-'))).toEqual([
      'data-progress',
      'data-note',
      'data-row',
      'data-progress',
    ])
    expect((await answer.reply()).message.parts.filter(isData)).toHaveLength(2)
  })

  it('of an approved call are in the same message', async () => {
    const { loom, messages } = openApp({ needsApproval: true })
    const session = loom.startAgent('tester', 'one')
    const { message } = await session.call('Go.')
    const [, approvalId = ''] = /"approval":\{"id":"([^"]+)"/.exec(JSON.stringify(message)) ?? []
    const reply = await (await session.approve(approvalId)).reply()
    expect(reply.message.parts.filter(isData)).toHaveLength(2)
    expect((await messages()).at(-1)).toEqual(reply.message)
  })
})

const userMessage = (text: string) => ({
  id: text,
  role: 'user',
  parts: [{ type: 'text', text }],
})

describe('in files', () => {
  it('the data parts are there after a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'loom-data-parts-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const { agent } = agentWith(writes)
    const open = async () => new Loom({ agents: [agent], store: await openFileStore({ folder }) })
    const first = await open()
    await first.startAgent('tester', 'one').call('Go.')
    await first.close()
    await using second = await open()
    const stored = (await second.startAgent('tester', 'one').messages()).at(-1)
    expect(stored?.parts.filter(isData)).toEqual(kept)
  })
})
