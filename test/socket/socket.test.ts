/** The WebSocket of a chat, with the transport of AI SDK 7 as its judge. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'

import type { UIMessage } from 'ai'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { type AgentDefinition, defineAgent, defineTool } from '../../src/index.ts'
import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'
import { calls, says, type Script, scriptedModel } from '../scripted-model.ts'
import { clientTool, Gate, saysWhen } from '../sessions/scripts.ts'
import { openServed, type Served } from '../sessions/served.ts'
import {
  messageText,
  openChat,
  openRaw,
  type RawFrame,
  type RawOptions,
  type RawSocket,
  resuming,
  sending,
  textOf,
} from './socket-client.ts'

async function open(
  scripts: Script[],
  definition: Partial<AgentDefinition> = {},
  environment: Record<string, string> = {},
): Promise<Served & { id: string }> {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent], environment)
  onTestFinished(() => served[Symbol.asyncDispose]())
  return { ...served, id: randomUUID() }
}

function chatOf(served: Served & { id: string }, options?: Parameters<typeof openChat>[2]) {
  const opened = openChat(served.api, served.id, options)
  onTestFinished(() => opened.transport.close())
  return opened
}

async function rawOf(served: Served & { id: string }, options?: RawOptions): Promise<RawSocket> {
  const socket = await openRaw(served.api, served.id, options)
  onTestFinished(() => socket.terminate())
  return socket
}

const refusalOf = async (opened: Promise<unknown>): Promise<string> => {
  const error: unknown = await opened.catch((cause: unknown) => cause)
  if (error instanceof Error) return error.message
  throw new Error('The socket was accepted.')
}

async function storedIn({ api, id }: Served & { id: string }): Promise<UIMessage[]> {
  return JSON.parse(await (await fetch(`${api}/${id}/messages?profile=v7`)).text())
}

const isEnd =
  (id: string) =>
  ({ type, requestId }: RawFrame) =>
    requestId === id && type === 'end'

const remove = (runs: string[]) =>
  defineTool({
    name: 'remove',
    description: 'Removes a file',
    inputSchema: z.object({ path: z.string() }),
    needsApproval: true,
    execute({ path }) {
      runs.push(path)
      return `removed ${path}`
    },
  })

describe('a chat of ai 7 over a socket', () => {
  it('shows the same messages as the store', async () => {
    const served = await open([says('Hello there.'), says('Again.')])
    const { chat } = chatOf(served)
    await chat.sendMessage({ text: 'Hi' })
    await chat.sendMessage({ text: 'And?' })
    expect(chat.messages.map(messageText)).toEqual(['Hi', 'Hello there.', 'And?', 'Again.'])
    expect(await storedIn(served)).toMatchObject(JSON.parse(JSON.stringify(chat.messages)))
    await chat.regenerate()
    expect(chat.error?.message).toContain('the script has no further reply')
  })

  it('answers the tools of the client', async () => {
    const served = await open([calls(['ask', { question: 'Blue?' }]), says('Blue it is.')], {
      tools: [clientTool],
    })
    const { chat } = chatOf(served)
    await chat.sendMessage({ text: 'Paint' })
    const [part] = chat.messages.at(-1)?.parts.filter(({ type }) => type === 'tool-ask') ?? []
    if (part === undefined || !('toolCallId' in part)) throw new Error('no call')
    await chat.addToolOutput({ tool: 'ask', toolCallId: part.toolCallId, output: 'yes' })
    await until(10_000, 'the answer', () => chat.status === 'ready')
    expect(messageText(chat.messages.at(-1))).toBe('Blue it is.')
    expect(chat.messages).toHaveLength(2)
    expect(await storedIn(served)).toMatchObject(JSON.parse(JSON.stringify(chat.messages)))
  })

  it('decides on approvals', async () => {
    const runs: string[] = []
    const served = await open(
      [calls(['remove', { path: 'a' }], ['remove', { path: 'b' }]), says('Done.')],
      { tools: [remove(runs)] },
    )
    const { chat } = chatOf(served)
    await chat.sendMessage({ text: 'Clean up' })
    const waiting = chat.messages.at(-1)?.parts.flatMap((part) => {
      return 'approval' in part && part.approval !== undefined ? [part.approval.id] : []
    })
    const [first = '', second = ''] = waiting ?? []
    await chat.addToolApprovalResponse({ id: first, approved: true })
    await chat.addToolApprovalResponse({ id: second, approved: false })
    await until(10_000, 'the answer', () => chat.status === 'ready')
    expect(messageText(chat.messages.at(-1))).toBe('Done.')
    expect(runs).toEqual(['a'])
    expect(await storedIn(served)).toMatchObject(JSON.parse(JSON.stringify(chat.messages)))
  })

  it('reads the running answer from its start after a reload', async () => {
    const gate = new Gate('the model has begun')
    const served = await open([saysWhen(gate, 'The first half', ' and the second.')])
    const first = chatOf(served)
    const asked = first.chat.sendMessage({ text: 'Hi' })
    await gate.reached()
    await until(10_000, 'the half', () => messageText(first.chat.messages.at(-1)).includes('half'))
    first.transport.close()
    await asked
    expect(first.chat.status).toBe('error')
    const { chat } = chatOf(served)
    const resumed = chat.resumeStream()
    await until(10_000, 'the half again', () => messageText(chat.lastMessage).includes('half'))
    gate.open()
    await resumed
    expect(messageText(chat.lastMessage)).toBe('The first half and the second.')
    // Nothing is unfinished.
    await chat.resumeStream()
    expect(chat.status).toBe('ready')
  })

  it('leaves the answer running when it aborts its request', async () => {
    const gate = new Gate('the model has begun')
    const served = await open([saysWhen(gate, 'One', ' two.')])
    const { chat } = chatOf(served)
    const asked = chat.sendMessage({ text: 'Hi' })
    await gate.reached()
    await chat.stop()
    await asked
    gate.open()
    await until(10_000, 'the answer', async () => (await storedIn(served)).length === 2)
    expect(messageText((await storedIn(served)).at(-1))).toBe('One two.')
  })

  it('stops the answer when its page asks for that', async () => {
    const gate = new Gate('the model has begun')
    const served = await open([saysWhen(gate, 'One', ' two.')])
    const { chat } = chatOf(served, { query: '?abort=stop' })
    const asked = chat.sendMessage({ text: 'Hi' })
    await gate.reached()
    await until(10_000, 'the word', () => messageText(chat.messages.at(-1)) === 'One')
    await chat.stop()
    await asked
    await until(10_000, 'the answer', async () => (await storedIn(served)).length === 2)
    expect(gate.wasAborted).toBe(true)
    expect(messageText((await storedIn(served)).at(-1))).toBe('One')
  })

  it('shows the reason of a refusal', async () => {
    const served = await open([])
    const { chat } = chatOf(served, { body: { agent: 'nobody' } })
    await chat.sendMessage({ text: 'Hi' })
    expect(chat.error?.message).toContain('There is no such agent')
    const misspelt = chatOf(served, { body: { contxt: {} } })
    await misspelt.chat.sendMessage({ text: 'Hi' })
    expect(misspelt.chat.error?.message).toContain('contxt')
  })
})

describe('a socket', () => {
  it('carries several answers, each with its own numbers', async () => {
    const gate = new Gate('the model has begun')
    const served = await open([saysWhen(gate, 'One', ' two.')])
    const socket = await rawOf(served)
    socket.send(sending(served.id, 'a', 'Hi'))
    await gate.reached()
    socket.send(resuming(served.id, 'b'))
    socket.send(resuming(served.id, 'c', { lastSequence: 2 }))
    await socket.next('the replay', ({ requestId, chunk }) => {
      return requestId === 'b' && chunk?.type === 'text-delta'
    })
    gate.open()
    for (const id of ['a', 'b', 'c']) await socket.next(`the end of ${id}`, isEnd(id))
    const numbersOf = (id: string) =>
      socket.frames.flatMap(({ requestId, sequence }) => {
        return requestId === id && sequence !== undefined ? [sequence] : []
      })
    const count = numbersOf('a').length
    expect(numbersOf('a')).toEqual(Array.from({ length: count }, (_, index) => index))
    expect(numbersOf('b')).toEqual(numbersOf('a'))
    expect(numbersOf('c')).toEqual(numbersOf('a').slice(3))
    expect(textOf(socket.frames, 'a')).toBe('One two.')
    const chunkOf = (id: string, number: number) =>
      socket.frames.find(({ requestId, sequence }) => requestId === id && sequence === number)
        ?.chunk
    for (const number of numbersOf('c')) expect(chunkOf('c', number)).toEqual(chunkOf('a', number))
  })

  it('tells a client that nothing is unfinished', async () => {
    const served = await open([])
    const socket = await rawOf(served)
    socket.send(resuming(served.id, 'a'))
    expect(await socket.next('the answer', () => true)).toEqual({
      type: 'no-active',
      requestId: 'a',
    })
  })

  it.for([
    ['no JSON', '{"type":"send","requestId":"a",', 'not valid JSON'],
    ['another type', { type: 'dance', requestId: 'a' }, 'type'],
    ['no messages', { type: 'send', requestId: 'a', id: 'ID', headers: {}, body: {} }, 'messages'],
    ['headers that are no text', resuming('ID', 'a', { headers: { a: 1 } }), 'headers'],
    ['another chat', resuming('another', 'a'), 'another one'],
    [
      'a key that pollutes',
      '{"type":"resume","requestId":"a","id":"ID","headers":{},"body":{"constructor":{"prototype":1}}}',
      'constructor',
    ],
    ['a text', '"hello"', 'expected object'],
  ] as const)('refuses a message with %s and stays open', async ([, frame, text]) => {
    const served = await open([says('Hello.')])
    const socket = await rawOf(served)
    const named = (given: object | string) =>
      (typeof given === 'string' ? given : JSON.stringify(given)).replace('"ID"', `"${served.id}"`)
    socket.send(named(frame))
    const refusal = await socket.next('the refusal', ({ type }) => type === 'error')
    expect(refusal).toMatchObject({
      errorText: expect.stringContaining(text),
      code: 'invalid-request',
    })
    socket.send(sending(served.id, 'b', 'Hi'))
    await socket.next('the end', isEnd('b'))
    expect(textOf(socket.frames, 'b')).toBe('Hello.')
  })

  it('refuses a request whose id is in use, and more than 16 at once', async () => {
    const gate = new Gate('the model has begun')
    const served = await open([saysWhen(gate, 'One', ' two.')])
    const socket = await rawOf(served)
    socket.send(sending(served.id, 'r0', 'Hi'))
    await gate.reached()
    socket.send(resuming(served.id, 'r0'))
    const refused = ({ type }: RawFrame) => type === 'error'
    expect(await socket.next('the refusal', refused)).toMatchObject({ code: 'invalid-request' })
    for (let index = 1; index <= 16; index++) socket.send(resuming(served.id, `r${index}`))
    expect(await socket.next('the limit', ({ code }) => code === 'limited')).toMatchObject({
      requestId: 'r16',
    })
    gate.open()
    await socket.next('the end', isEnd('r15'))
  })

  it('closes for bytes and for a message that is too large', async () => {
    const served = await open([])
    const bytes = await rawOf(served)
    bytes.send(new Uint8Array(3))
    expect(await within(10_000, 'the close', bytes.closed)).toBe(1003)
    const large = await rawOf(served)
    large.send('x'.repeat(32 * 1024 * 1024 + 1))
    expect(await within(10_000, 'the close', large.closed)).toBe(1009)
  })

  it('closes with 1012 when the server stops, after its answer', async () => {
    const gate = new Gate('the model has begun')
    const served = await open([saysWhen(gate, 'One', ' two.')])
    const idle = await rawOf(served)
    const busy = await rawOf(served)
    busy.send(sending(served.id, 'a', 'Hi'))
    await gate.reached()
    const stopped = served.stop(10_000)
    expect(await within(10_000, 'the close', idle.closed)).toBe(1012)
    gate.open()
    expect(await within(10_000, 'the close', busy.closed)).toBe(1012)
    expect(textOf(busy.frames, 'a')).toBe('One two.')
    expect(busy.frames.at(-1)?.type).toBe('end')
    await within(10_000, 'the end of the server', stopped)
  })
})

describe('the request for a socket', () => {
  it('without an upgrade is told what the address is for', async () => {
    const { api, id } = await open([])
    const response = await fetch(`${api}/${id}/socket`)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('WebSocketChatTransport')
    expect(await refusalOf(openRaw(api, id, { query: '?abort=never' }))).toMatch(/^400 abort must/)
  })

  it('needs a credential, in a header or in a subprotocol', async () => {
    const served = await open([says('Hello.')], {}, { LOOM_API_KEYS: 'ada:secret-of-ada' })
    expect(await refusalOf(openRaw(served.api, served.id))).toMatch(/^401 /)
    const wrong = openRaw(served.api, served.id, { protocols: ['loom', 'loom.bearer.nobody'] })
    expect(await refusalOf(wrong)).toMatch(/^401 /)
    const { chat } = chatOf(served, { protocols: ['loom', 'loom.bearer.secret-of-ada'] })
    await chat.sendMessage({ text: 'Hi' })
    expect(messageText(chat.lastMessage)).toBe('Hello.')
  })

  it('shows no session of another tenant, and its messages cannot change the tenant', async () => {
    const keys = { LOOM_API_KEYS: 'ada:secret-of-ada,bob:secret-of-bob' }
    const served = await open([says('Hello Ada.'), says('Hello Bob.')], {}, keys)
    const ada = await rawOf(served, { headers: { authorization: 'Bearer secret-of-ada' } })
    ada.send(sending(served.id, 'a', 'Hi'))
    await ada.next('the end', isEnd('a'))
    // A message may have the credential of another principal, as a request may. Each has its own chats.
    const headers = { authorization: 'Bearer secret-of-bob', cookie: 'a=b', host: 'elsewhere' }
    ada.send(resuming(served.id, 'b', { headers }))
    await ada.next('nothing', ({ type }) => type === 'no-active')
    ada.send(resuming(served.id, 'c', { headers: { authorization: 'Bearer nobody' } }))
    expect(await ada.next('the refusal', ({ type }) => type === 'error')).toMatchObject({
      requestId: 'c',
      code: 'unauthorized',
    })
  })

  it('keeps the headers of a proxy, whatever its messages have', async () => {
    const settings = {
      LOOM_AUTH: 'proxy',
      LOOM_PROXY_SECRET: 'a-secret-of-the-proxy-with-many-characters',
    }
    const served = await open([says('Hello.'), says('Hello.')], {}, settings)
    const headers = {
      'x-loom-proxy-secret': settings.LOOM_PROXY_SECRET,
      'x-forwarded-user': 'ada',
    }
    const ada = await rawOf(served, { headers })
    ada.send(sending(served.id, 'a', 'Hi', { headers: { 'x-forwarded-user': 'eve' } }))
    await ada.next('the end', isEnd('a'))
    const response = await fetch(`${served.api}/${served.id}`, { headers })
    expect(response.status).toBe(200)
  })

  it('is refused for a page of another site', async () => {
    const served = await open([])
    const from = (origin: string) => openRaw(served.api, served.id, { headers: { origin } })
    expect(await refusalOf(from('https://evil.example'))).toMatch(/^403 /)
    expect(await refusalOf(from('null'))).toMatch(/^403 /)
    using own = await from(served.url)
    own.send(resuming(served.id, 'a'))
    await own.next('the answer', ({ type }) => type === 'no-active')
  })

  it('is refused for a page that only * allows, where a proxy knows the user by cookies', async () => {
    const settings = {
      LOOM_AUTH: 'proxy',
      LOOM_PROXY_SECRET: 'a-secret-of-the-proxy-with-many-characters',
      LOOM_CORS_ORIGINS: '*',
    }
    const user = {
      'x-loom-proxy-secret': settings.LOOM_PROXY_SECRET,
      'x-forwarded-user': 'ada',
    }
    const served = await open([], {}, settings)
    const from = (origin: string) =>
      openRaw(served.api, served.id, { headers: { ...user, origin } })
    expect(await refusalOf(from('https://evil.example'))).toMatch(/^403 /)
    using own = await from(served.url)
    expect(own.frames).toEqual([])
  })
})

describe('limits', () => {
  it('count a socket as one stream, and each further answer as another', async () => {
    const gate = new Gate('the model has begun')
    const served = await open([saysWhen(gate, 'One', ' two.')], {}, { LOOM_LIMIT_STREAMS: '2' })
    const socket = await rawOf(served)
    socket.send(sending(served.id, 'a', 'Hi'))
    await gate.reached()
    socket.send(resuming(served.id, 'b'))
    await socket.next('the second stream', ({ requestId }) => requestId === 'b')
    socket.send(resuming(served.id, 'c'))
    expect(await socket.next('the limit', ({ type }) => type === 'error')).toMatchObject({
      requestId: 'c',
      code: 'limited',
      errorText: expect.stringContaining('2 streams'),
    })
    expect(await refusalOf(openRaw(served.api, served.id))).toMatch(/^429 /)
    gate.open()
    await socket.next('the end', isEnd('b'))
    socket.close()
    await within(10_000, 'the close', socket.closed)
    const another = Promise.all([rawOf(served), rawOf(served)])
    await within(10_000, 'two sockets', another)
  })

  it('count each message as a request', async () => {
    const served = await open([], {}, { LOOM_LIMIT_REQUESTS: '2/60' })
    const socket = await rawOf(served)
    socket.send(resuming(served.id, 'a'))
    await socket.next('nothing', ({ type }) => type === 'no-active')
    socket.send(resuming(served.id, 'b'))
    expect(await socket.next('the limit', ({ type }) => type === 'error')).toMatchObject({
      code: 'limited',
      retryAfterMs: expect.any(Number),
    })
  })

  it('drop a client that does not read', async () => {
    const text = 'x'.repeat(1024 * 1024)
    async function* long() {
      yield* says('').slice(0, -2)
      for (let count = 0; count < 16; count++) {
        yield { type: 'text-delta' as const, id: 'txt-0', delta: text }
      }
      yield* says('').slice(-2)
    }
    const settings = { LOOM_KEEPALIVE_MS: '1000', LOOM_LIMIT_STREAMS: '1' }
    const served = await open([long], {}, settings)
    const socket = await rawOf(served)
    socket.pause()
    socket.send(sending(served.id, 'a', 'Hi'))
    await until(10_000, 'the answer', async () => (await storedIn(served)).length === 2)
    // Its stream is free when the server has dropped it.
    await until(10_000, 'the drop', async () => {
      const other = await openRaw(served.api, served.id).catch(() => undefined)
      other?.terminate()
      return other !== undefined
    })
    expect(socket.frames.length).toBeLessThan(16)
  })
})

describe('another upgrade', () => {
  it('is ignored, and the request is answered with its body', async () => {
    const served = await open([says('Hello.')])
    const { hostname, port } = new URL(served.url)
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    const body = JSON.stringify({ id: served.id, message: 'Hi' })
    socket.write(
      [
        'POST /api/chat HTTP/1.1',
        'Host: localhost',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAAP__',
        'Accept: application/json',
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n'),
    )
    let text = ''
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    await until(10_000, 'the response', () => text.includes('"state"')).catch((error: unknown) => {
      throw new Error(text, { cause: error })
    })
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(text).toContain('Hello.')
    socket.end()
    await within(10_000, 'the close', once(socket, 'close'))
  })
})
