/** The output of an agent over HTTP, from a session in code, from the history, and after a takeover. */
import { randomUUID } from 'node:crypto'

import type { JSONValue, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { sessionRoutes } from '../routes/session.ts'
import type { AgentEvent } from '../src/event.ts'
import { streamAgent } from '../src/index.ts'
import { outputIn } from '../src/message-fold.ts'
import { run } from '../src/runner.ts'
import type { SessionHooks } from '../src/runner/session-hooks.ts'
import { noSpending } from '../src/spending.ts'
import { openMemoryStore } from '../src/store/memory.ts'
import { clients } from './clients.ts'
import { agentOf, models } from './recorded-run.ts'
import { until } from './redis/until.ts'
import { type PartSource, says, type Script, scriptedModel, words } from './scripted-model.ts'
import { Gate } from './sessions/scripts.ts'
import { openWorld, type TestInstance, untilState } from './sessions/world.ts'

const day = z.object({ day: z.iso.date().transform((text) => new Date(text)), note: z.string() })
const text = '{"day": "2026-01-02", "note": "cold"}'
const json = { day: '2026-01-02T00:00:00.000Z', note: 'cold' }

const memoryWorld = () => {
  const store = openMemoryStore()
  return openWorld(async () => ({ ...store, close: async () => {} }))
}

const storedOutput = async (instance: TestInstance, id: string): Promise<JSONValue | undefined> => {
  const message = (await instance.sessions.messages(id)).at(-1)
  return message === undefined ? undefined : outputIn(JSON.parse(JSON.stringify(message)))
}

describe('the output of a turn', () => {
  it('is in the JSON reply, the stream, the history and the reply of a session in code', async () => {
    await using world = memoryWorld()
    const model = scriptedModel(says(text), says(text), says(text))
    const instance = await world.instance({ output: day, model })
    const app = new Hono().route('/', sessionRoutes(instance.loom))
    const id = randomUUID()
    const post = (accept: string) =>
      app.request('/chat', {
        method: 'POST',
        headers: { accept },
        body: JSON.stringify({ id, message: 'When?' }),
      })
    expect(await (await post('application/json')).json()).toMatchObject({ text, output: json })
    const stream = await (await post('text/event-stream')).text()
    expect(stream).toContain(`{"type":"data-output","data":${JSON.stringify(json)},"id":"output"}`)
    expect(await storedOutput(instance, id)).toEqual(json)
    const reply = await instance.session(id).call('When?')
    // The schema refuses the long form of a day, so the output stays as it is stored.
    expect(reply.output).toEqual(json)
  })

  it('is a value of the schema in code, if the schema makes it from its JSON again', async () => {
    await using world = memoryWorld()
    const output = z.object({ at: z.iso.datetime().transform((text) => new Date(text)) })
    const model = scriptedModel(says('{"at": "2026-01-02T00:00:00.000Z"}'))
    const instance = await world.instance({ output, model })
    const reply = await instance.session(randomUUID()).call('When?')
    expect(reply.output).toEqual({ at: new Date('2026-01-02') })
  })

  it('is a data part of the message in every client of ai 5, 6 and 7', async () => {
    await using world = memoryWorld()
    const instance = await world.instance({ output: day, model: scriptedModel(says(text)) })
    const app = new Hono().route('/', sessionRoutes(instance.loom))
    const body = JSON.stringify({ message: 'When?' })
    const stream = await (await app.request('/chat', { method: 'POST', body })).text()
    for (const { name, read } of clients) {
      const { parts } = await read(stream)
      expect(parts.at(-1), name).toMatchObject({ type: 'data-output', data: json })
    }
  })

  it('an answer that never fits leaves an error and the session usable', async () => {
    await using world = memoryWorld()
    const model = scriptedModel(says('No.'), says('No.'), says('No.'), says(text))
    const instance = await world.instance({ output: day, model })
    const session = instance.session(randomUUID())
    await expect(session.call('When?')).rejects.toThrow('does not fit the output schema')
    expect((await session.call('When?')).output).toMatchObject({ note: 'cold' })
  })
})

/** A model that sends a part of its answer, waits, and sends the rest. */
const halves = (gate: Gate, first: string, rest: string): Script =>
  async function* (signal): PartSource {
    yield* words(first)
    await gate.pass(signal)
    const delta: LanguageModelV4StreamPart = { type: 'text-delta', id: 'txt-0', delta: rest }
    yield delta
    yield* says('').slice(1)
  }

describe('the output after a takeover', () => {
  it.each([
    ['in the middle of the answer', 20, text.slice(20)],
    ['at the end of the answer', text.length, ''],
  ])('is that of the whole answer: %s', async (_, at, rest) => {
    await using world = memoryWorld()
    const gate = new Gate('the first part')
    const owner = await world.instance({
      output: day,
      model: scriptedModel(halves(gate, text.slice(0, at), 'lost')),
    })
    const id = randomUUID()
    await owner.session(id).cast('When?')
    await gate.reached()
    await until(5000, 'the first part is in the log', async () => {
      const partial = await owner.session(id).watch()
      for await (const event of partial ?? []) if (event.type === 'text-delta') return true
      return false
    })
    owner.freeze()
    const heir = await world.instance({ output: day, model: scriptedModel(says(rest)) })
    await untilState(heir, id, 'idle')
    expect(heir.reported).toEqual([])
    expect(await storedOutput(heir, id)).toEqual(json)
  })
})

describe('a run that continues after the death of its owner', () => {
  const continued = async (answer: string, ...scripts: Script[]) => {
    const model = scriptedModel(...scripts)
    const agent = agentOf({ output: day, model })
    const events: AgentEvent[] = []
    const session: SessionHooks = {
      id: 's',
      publicId: 's',
      resume: { started: true },
      spent: async () => noSpending,
      beforeStart: async () => {},
      moreMessages: async () => [],
      mayReset: async () => false,
    }
    const messages: ModelMessage[] = [
      { role: 'user', content: 'When?' },
      { role: 'assistant', content: answer },
    ]
    const sink = (event: AgentEvent) => void events.push(event)
    const result = await run(agent, messages, { models, session, sink })
    return { result, model, types: events.map(({ type }) => type) }
  }

  it('takes a whole answer without another call of the model', async () => {
    const { result, model, types } = await continued(text)
    expect(model.asked).toHaveLength(0)
    expect(result).toMatchObject({ output: { note: 'cold' }, outcome: 'finished', text })
    expect(types).toEqual(['start-step', 'data-output', 'finish-step', 'finish'])
  })

  it('asks the model to correct an answer that does not fit', async () => {
    const { result, model } = await continued('No idea.', says(text))
    expect(result.output).toMatchObject({ note: 'cold' })
    expect(JSON.stringify(model.asked[0]?.prompt.at(-1))).toContain('contains no JSON value')
  })
})

describe('a message with an output in a posted history', () => {
  it('is read as its text', async () => {
    const model = scriptedModel(says('Yes.'))
    const agent = agentOf({ model })
    const app = new Hono().post('/', async (c) => {
      const { messages } = z.object({ messages: z.unknown() }).parse(await c.req.json())
      return streamAgent(c, agent, messages, { models })
    })
    const parts = [
      { type: 'text', text },
      { type: 'data-output', id: 'output', data: json },
    ]
    const messages = [
      { id: 'a', role: 'user', parts: [{ type: 'text', text: 'When?' }] },
      { id: 'b', role: 'assistant', parts },
      { id: 'c', role: 'user', parts: [{ type: 'text', text: 'Sure?' }] },
    ]
    const response = await app.request('/', { method: 'POST', body: JSON.stringify({ messages }) })
    expect(await response.text()).toContain('Yes.')
    expect(model.asked[0]?.prompt[2]).toMatchObject({ content: [{ type: 'text', text }] })
  })
})
