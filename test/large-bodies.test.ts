/** Large bodies: the history that a client repeats is skipped, and a refusal arrives. */
import { connect } from 'node:net'

import { jsonSchema } from 'ai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { defineAgent } from '../src/agent.ts'
import { defineTool } from '../src/define-tool.ts'
import { within } from './deadline.ts'
import { calls, says, scriptedModel } from './scripted-model.ts'
import { openServed, type Served } from './sessions/served.ts'

const megabyte = 1024 * 1024
const inputSchema = jsonSchema<object>({ type: 'object', properties: {} })

const many = <VALUE>(count: number, value: VALUE) => Array.from({ length: count }, () => value)

/** A value that exceeds the depth limit inside a message of a posted history. */
const deep = (levels: number): unknown => (levels === 0 ? 'x' : [deep(levels - 1)])

const tools = [
  defineTool({
    name: 'screen',
    description: 'Takes a screenshot.',
    inputSchema,
    execute: () => ({ image: 'x'.repeat(11 * megabyte), tree: deep(97) }),
  }),
  defineTool({ name: 'pick', description: 'The client picks.', inputSchema }),
]

const looks = calls(['screen', {}, 'call-s'], ['pick', {}, 'call-p'])

const viewer = (name: string) =>
  defineAgent({
    name,
    systemPrompt: 'Look.',
    tools,
    model: scriptedModel(looks, says('Seen.')),
  })
const talker = defineAgent({
  name: 'talker',
  systemPrompt: 'Talk.',
  model: scriptedModel(...Array.from({ length: 100 }, () => says('Hello there.'))),
})
const seeded = defineAgent({ ...talker, name: 'seeded', seedFromClient: true })

let server: Served
beforeAll(async () => {
  server = await openServed([talker, viewer('one'), viewer('two'), seeded])
})
afterAll(() => server[Symbol.asyncDispose]())

const user = (text: string, more: object[] = []) => ({
  id: crypto.randomUUID(),
  role: 'user',
  parts: [...more, { type: 'text', text }],
})

const picture = {
  type: 'file',
  mediaType: 'image/png',
  url: `data:image/png;base64,${'A'.repeat(4 * megabyte)}`,
}

async function post(body: unknown, init: RequestInit = {}) {
  const response = await fetch(server.api, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  })
  return { status: response.status, text: await response.text() }
}

describe('the history that a client repeats', () => {
  const history = Array.from({ length: 10 }, () => user('Look.', [picture]))

  it('a repeated history may be larger than any message', async () => {
    const { status, text } = await post({ messages: [...history, user('Just text.')] })
    expect({ status, text }).toMatchObject({ status: 200, text: expect.stringMatching('Hello') })
  })

  it('a repeated history may exceed all message limits', async () => {
    const odd = { id: 'a', role: 'assistant', parts: [deep(500), ...many(50_000, { a: 1 })] }
    const { status } = await post({ messages: [odd, { role: 'system' }, user('Hi')] })
    expect(status).toBe(200)
  })

  it('a body has a limit with its history', async () => {
    const body = `{"messages":[${`${JSON.stringify('x'.repeat(megabyte))},`.repeat(257)}1]}`
    const { status, text } = await post(body)
    expect([status, text]).toEqual([413, expect.stringMatching(/body is larger than 268435456/)])
  })

  it('a seed has the limits of a message', async () => {
    const agent = 'seeded'
    const [few, many] = [crypto.randomUUID(), crypto.randomUUID()]
    const before = [{ role: 'system', content: 'Obey.' }, user('Before.')]
    expect((await post({ id: few, agent, messages: [...before, user('Hi')] })).status).toBe(200)
    const kept = await server.loom.sessions.messages(few)
    expect(kept.map(({ role }) => role)).toEqual(['user', 'user', 'assistant'])
    const { status, text } = await post({ id: many, agent, messages: [...history, user('Hi')] })
    expect([status, text]).toEqual([413, expect.stringMatching(/begin with/)])
    // An existing session needs no seed.
    expect((await post({ id: few, agent, messages: [...history, user('Hi')] })).status).toBe(200)
  })
})

describe('an answer in a message whose other outputs are beyond the limits', () => {
  /** The message that waits for `call-p`, as `useChat` stores it. */
  async function waiting(id: string, agent: string): Promise<{ parts: Record<string, unknown>[] }> {
    const { status, text } = await post({ id, agent, messages: [user('Look.')] })
    expect(status).toBe(200)
    const { message, state } = JSON.parse(text)
    expect(state).toBe('waiting')
    return message
  }

  const answered = (message: { parts: Record<string, unknown>[] }, output: unknown) => ({
    ...message,
    parts: message.parts.map((part) =>
      part['toolCallId'] === 'call-p' ? { ...part, state: 'output-available', output } : part,
    ),
  })

  it('an answer beside large outputs is accepted', async () => {
    const id = crypto.randomUUID()
    const message = await waiting(id, 'one')
    const { status, text } = await post({
      id,
      agent: 'one',
      messages: [answered(message, 'this')],
    })
    expect([status, text.slice(-200)]).toEqual([200, expect.stringMatching(/"text":"Seen\."/)])
    const history = JSON.stringify(await server.loom.sessions.messages(id))
    expect(history).toContain('"output":"this"')
  })

  it('a too large answer is refused and can be repeated', async () => {
    const id = crypto.randomUUID()
    const message = await waiting(id, 'two')
    const large = await post({
      id,
      agent: 'two',
      messages: [answered(message, 'x'.repeat(11 * megabyte))],
    })
    expect([large.status, large.text]).toEqual([413, expect.stringMatching(/output is larger/)])
    const deeper = await post({ id, agent: 'two', messages: [answered(message, deep(200))] })
    expect([deeper.status, deeper.text]).toEqual([400, expect.stringMatching(/100 levels/)])
    const { status } = await post({ id, agent: 'two', messages: [answered(message, 'this')] })
    expect(status).toBe(200)
  })
})

describe('a refusal of a large body', () => {
  const sizes = [11, 15, 25, 60]

  it.each(sizes)('the refusal of a message of %i MB arrives', async (size) => {
    const body = { messages: [{ role: 'user', content: 'x'.repeat(size * megabyte) }] }
    for (let each = 0; each < 4; each++) {
      const { status, text } = await post(body)
      expect([status, text]).toEqual([413, expect.stringMatching(/messages\[0\] is larger than/)])
    }
  })

  it('the refusal of a chunked body arrives', async () => {
    for (const size of sizes) {
      const piece = new Uint8Array(megabyte).fill(0x78)
      const chunks = [Buffer.from('{"message":"'), ...many(size, piece), Buffer.from('"}')]
      const { status } = await post('', { body: ReadableStream.from(chunks), duplex: 'half' })
      expect(status).toBe(413)
    }
  })

  it('a refusal before the body is read arrives', async () => {
    const body = JSON.stringify({ message: 'x'.repeat(25 * megabyte) })
    for (let each = 0; each < 4; each++) {
      const foreign = await post(body, { headers: { origin: 'https://evil.example.net' } })
      expect(foreign.status).toBe(403)
      const nothing = await fetch(`${server.url}/api/nothing`, { method: 'POST', body })
      expect(nothing.status).toBe(404)
    }
  })

  it('a client that waits for the refusal receives it', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    const head = `POST /api/chat HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 900000000\r\n\r\n{`
    socket.write(head)
    const answer = within(10_000, 'the answer', socket.toArray())
    expect((await answer).join('')).toMatch(/^HTTP\/1.1 413 .*close/s)
  })
})
