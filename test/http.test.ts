import { connect } from 'node:net'

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

import { defineAgent } from '../src/agent.ts'
import { readConfig } from '../src/config.ts'
import { createModels } from '../src/model/resolve.ts'
import { listen, type Listening } from '../src/server/listen.ts'
import { says, scriptedModel } from './scripted-model.ts'
import { servedApp } from './served-app.ts'

/** A model with many replies. */
const model = () => scriptedModel(...Array.from({ length: 200 }, () => says('Hello there.')))

const secret = 'sk-very-secret-key'
const agents = [
  defineAgent({ name: 'assistant', systemPrompt: 'Be nice.', model: model() }),
  defineAgent({ name: 'other', description: 'Another.', systemPrompt: 'Hm.', model: model() }),
  defineAgent({ name: 'lost', systemPrompt: 'Hm.', model: `nowhere-${secret}/model` }),
  defineAgent({
    name: 'broken',
    systemPrompt: () => {
      throw new Error(`broken with ${secret}`)
    },
    model: model(),
  }),
]

type Body = string | Uint8Array<ArrayBuffer> | Blob

let server: Listening
let url: string
let ready = true
const reported: unknown[] = []
const report = (error: unknown) => reported.push(error)

beforeAll(async () => {
  const models = createModels({ environment: { ACME_BASE_URL: 'http://x', ACME_API_KEY: secret } })
  const config = readConfig({ LOOM_CORS_ORIGINS: 'https://app.example.com' })
  const app = await servedApp({ agents, models, config, report, isReady: () => ready })
  server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  url = server.url
})

afterAll(() => server.stop(0))

const post = (body: Body, headers: Record<string, string> = {}, path = '/api/chat') =>
  fetch(url + path, { method: 'POST', body, headers })

const json = (body: unknown, headers: Record<string, string> = {}, path = '/api/chat') =>
  post(JSON.stringify(body), { 'content-type': 'application/json', ...headers }, path)

const user = { id: 'u1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }
const good = { messages: [user], trigger: 'submit-message' }
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const withPart = (part: unknown) => ({
  messages: [{ id: 'u', role: 'user', parts: [part] }],
})

/** A posted body, the status of its answer, and a pattern for its text. */
const badRequests: readonly [string, Body, number, RegExp][] = [
  ['no body', '', 400, /empty/],
  ['white space', ' \n ', 400, /empty/],
  ['text', 'hello', 400, /not valid JSON/],
  ['half a body', '{"messages": [', 400, /not valid JSON/],
  ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22]), 400, /UTF-8/],
  ['a list', '[]', 400, /expected object/],
  ['a number', '1', 400, /expected object/],
  ['null', 'null', 400, /expected object/],
  ['no messages', '{}', 400, /needs messages/],
  ['an empty list of messages', '{"messages":[]}', 400, /at least one/],
  ['messages that are no list', '{"messages":"hi"}', 400, /messages: .*expected array/],
  ['messages that are numbers', '{"messages":[1]}', 400, /messages\[0\]/],
  ['messages that are lists', '{"messages":[[]]}', 400, /messages\[0\]/],
  ['nothing but null messages', '{"messages":[null]}', 400, /messages\[0\]/],
  ['a message that is a number', '{"message":1}', 400, /message: /],
  ['an empty message', '{"message":""}', 400, /at least one part/],
  ['only a system message', '{"messages":[{"role":"system","content":"x"}]}', 400, /no user/],
  ['an unknown role', '{"messages":[{"id":"1","role":"root","parts":[]}]}', 400, /role/],
  ['a message without a role', '{"messages":[{"id":"1","parts":[]}]}', 400, /role/],
  [
    'an answer that nothing waits for',
    JSON.stringify({ messages: [user, { id: 'a', role: 'assistant', parts: [] }] }),
    409,
    /nothing new/,
  ],
  ['a message without content', '{"messages":[{"id":"1","role":"user"}]}', 400, /parts/],
  ['an id that is a number', '{"messages":[{"id":1,"role":"user","content":"x"}]}', 400, /id/],
  ['an unknown part', JSON.stringify(withPart({ type: 'spell' })), 400, /parts\[0\].*type/],
  ['a part that is null', JSON.stringify(withPart(null)), 400, /parts\[0\]/],
  ['a text part without text', JSON.stringify(withPart({ type: 'text' })), 400, /parts\[0\]\.text/],
  [
    'a tool part in no known state',
    JSON.stringify(withPart({ type: 'tool-x', toolCallId: 'c', state: 'dreaming', input: {} })),
    400,
    /parts\[0\]\.state/,
  ],
  [
    'a file at a relative address',
    JSON.stringify({
      message: { id: 'u', role: 'user', parts: [{ type: 'file', mediaType: 'a/b', url: 'x.png' }] },
    }),
    400,
    /cannot be read/,
  ],
  ['a bad trigger', JSON.stringify({ ...good, trigger: 'pull' }), 400, /trigger/],
  ['a chat id that is too long', JSON.stringify({ ...good, id: 'x'.repeat(257) }), 400, /^id/],
  [
    'a messageId that is too long',
    JSON.stringify({ ...good, messageId: 'x'.repeat(257) }),
    400,
    /messageId/,
  ],
  [
    'a message id that is too long',
    JSON.stringify({ messages: [{ ...user, id: 'x'.repeat(257) }] }),
    400,
    /message id/,
  ],
  ['a context that is no object', JSON.stringify({ ...good, context: [] }), 400, /context/],
  ['an unknown agent', JSON.stringify({ ...good, agent: 'nobody' }), 404, /assistant, other/],
  [
    'an agent named as a prototype',
    JSON.stringify({ ...good, agent: 'constructor' }),
    404,
    /agent/,
  ],
  ['a body 101 levels deep', `{"messages":${nested(100)}}`, 400, /100 levels/],
  ['a body a million levels deep', `{"messages":${nested(1_000_000)}}`, 400, /100 levels/],
  ['a million open brackets', '['.repeat(1_000_000), 400, /100 levels/],
  ['a __proto__ key', '{"messages":[{"__proto__":{"role":"user"}}]}', 400, /__proto__/],
  ['an escaped __proto__ key', '{"a":[{"\\u005f_proto__":1}],"message":"hi"}', 400, /__proto__/],
  [
    'a constructor.prototype',
    '{"message":"hi","a":{"constructor":{"prototype":{}}}}',
    400,
    /constructor/,
  ],
  [
    'a made-up tool message',
    '{"messages":[{"role":"tool","content":[{"type":"tool-result"}]}]}',
    400,
    /messages\[0\]/,
  ],
]

describe('a bad request', () => {
  for (const [name, body, status, reason] of badRequests) {
    it(`a request with ${name} gets ${status}`, async () => {
      const response = await post(body, { 'content-type': 'application/json' })
      const text = await response.text()
      expect({ status: response.status, text }).toEqual({
        status,
        text: expect.stringMatching(reason),
      })
      expect(text).not.toContain('\n')
      expect(response.headers.get('content-type')).toMatch('text/plain')
      const typed = await post(body, { accept: 'application/json' })
      expect(await typed.json()).toEqual({
        error: { code: expect.any(String), message: text },
      })
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
    })
  }

  it('an unknown profile or protocol is refused with the known ones', async () => {
    const profile = await json(good, {}, '/api/chat?profile=v8')
    expect([profile.status, await profile.text()]).toEqual([
      400,
      expect.stringMatching('v5, v6, v7'),
    ])
    const header = await json(good, { 'x-loom-profile': 'x' })
    expect(header.status).toBe(400)
    const protocol = await json(good, {}, '/api/chat?protocol=xml')
    expect([protocol.status, await protocol.text()]).toEqual([
      400,
      expect.stringMatching('ui, text'),
    ])
  })

  for (const id of ['.', '..', '%2e', '%2E.', '%2e%2E']) {
    it(`a session named ${id} is refused with a reason`, async () => {
      const response = await json({ ...good, id })
      expect([response.status, await response.text()]).toEqual([
        400,
        expect.stringMatching(/^id: .*"\."/),
      ])
      for (const [method, path] of [
        ['GET', `/api/chat/${id}`],
        ['GET', `/api/chat/${id}?profile=v7`],
        ['GET', `/api/chat/${id}/messages`],
        ['POST', `/api/chat/${id}/stop`],
        ['GET', `/api/agents/other/chat/${id}/stream`],
      ] as const) {
        const response = await rawRequest(method, path)
        expect(response, path).toMatch(/^HTTP\/1.1 400 .*session’s id cannot be "\."/s)
      }
    })
  }

  it('an unknown path or method is refused', async () => {
    expect((await fetch(`${url}/api/nothing`)).status).toBe(404)
    expect((await json(good, {}, '/api/agents/nobody/chat')).status).toBe(404)
    for (const [path, allow] of [
      ['/api/chat', 'GET, POST'],
      ['/api/agents/other/chat', 'GET, POST'],
      ['/api/chat/some', 'GET, DELETE'],
      ['/api/chat/some/stream', 'GET'],
      ['/api/chat/some/stop', 'POST'],
    ]) {
      const response = await fetch(url + path, { method: 'PUT' })
      expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
    }
    for (const path of ['/api/agents', '/api/models', '/healthz', '/readyz', '/']) {
      const response = await fetch(url + path, { method: 'DELETE' })
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET'])
    }
  })
})

/** Requests a path that `fetch` would normalise. */
const rawRequest = async (method: string, path: string): Promise<string> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(
    `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
  )
  return (await socket.toArray()).join('')
}

/** Sends as much as possible, like a client that reads the answer only at the end. */
const send = async (head: string, chunks: Iterable<Buffer>): Promise<string> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let text = ''
  let closed = false
  socket.on('data', (data) => (text += String(data)))
  socket.on('error', () => {})
  socket.on('close', () => (closed = true))
  socket.write(`POST /api/chat HTTP/1.1\r\nhost: 127.0.0.1\r\n${head}\r\n\r\n`)
  for (const chunk of chunks) socket.write(chunk)
  await vi.waitFor(() => expect(closed).toBe(true), 20_000)
  return text
}

describe('a body of 50 MB', () => {
  const size = 50 * 1024 * 1024
  const body = Buffer.alloc(size, 'x')

  it('an announced body of 50 MB gets 413', async () => {
    expect(await send(`content-length: ${size}`, [body])).toMatch(
      /^HTTP\/1.1 413 .*close.*larger/is,
    )
  })

  it('a chunked body of 50 MB gets 413', async () => {
    const chunk = Buffer.concat([
      Buffer.from('100000\r\n'),
      body.subarray(0, 0x10_00_00),
      Buffer.from('\r\n'),
    ])
    const chunks = Array.from({ length: 50 }, () => chunk)
    const before = process.memoryUsage().rss
    expect(await send('transfer-encoding: chunked', chunks)).toMatch(/^HTTP\/1.1 413 .*larger/is)
    expect(process.memoryUsage().rss - before).toBeLessThan(4 * size)
  })

  it('an announced body that never arrives does no harm', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(`POST /api/chat HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5000\r\n\r\n{"m`)
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.destroy()
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })
})

const agentOf = async (response: Response) => /"agent":"(\w+)"/.exec(await response.text())?.[1]

describe('a good request', () => {
  it('a good request gets a UI message stream', async () => {
    const response = await json(good)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1')
    const text = await response.text()
    expect(text).toContain('"delta":"Hello ')
    expect(text).toMatch(/"type":"finish".*\n\ndata: \[DONE\]\n\n$/)
  })

  it('the content type of a request does not matter', async () => {
    for (const headers of [{ 'content-type': 'text/plain' }, { 'content-type': 'a/b;c' }, {}]) {
      const body = new Blob([JSON.stringify({ message: 'Hi' })])
      const response = await post(body, headers, '/api/chat?protocol=text')
      expect(await response.text()).toBe('Hello there.')
    }
  })

  it('a request may have one message, a string, or ai 4’s', async () => {
    const v4 = { role: 'user', content: 'Hi', id: 'u' }
    for (const body of [
      { message: user },
      { message: 'Hi' },
      { messages: [v4] },
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] },
      { messages: [{ role: 'assistant', content: 'What?', id: 'a' }, v4] },
    ]) {
      const response = await json(body, {}, '/api/chat?protocol=text')
      expect([response.status, await response.text()]).toEqual([200, 'Hello there.'])
    }
  })

  it('the path or the body names the agent', async () => {
    expect(await agentOf(await json(good))).toBe('assistant')
    expect(await agentOf(await json({ ...good, agent: 'other' }))).toBe('other')
    expect(await agentOf(await json(good, {}, '/api/agents/other/chat'))).toBe('other')
  })

  it('a request may be nested 100 levels deep', async () => {
    const body = `{"message":"Hi","context":{"deep":${nested(98)}}}`
    expect((await post(body, {}, '/api/chat?protocol=text')).status).toBe(200)
  })
})

describe('a failure of the server', () => {
  it('a failure before the first byte is a status', async () => {
    const lost = await json({ ...good, agent: 'lost' })
    expect(lost.status).toBe(400)
    const text = await lost.text()
    expect(text).toMatch(/provider/)
    expect(text).not.toContain(secret)
  })

  it('a later failure is an error in the stream', async () => {
    const broken = await json({ ...good, agent: 'broken' })
    const text = await broken.text()
    expect(text).toContain('"errorText":"Something went wrong in the server."')
    expect(text).toMatch(/"type":"finish".*\n\ndata: \[DONE\]\n\n$/)
    expect(text).not.toContain(secret)
    expect(reported).toContainEqual(expect.objectContaining({ message: `broken with ${secret}` }))
  })
})

const from = (origin: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${url}/api/agents`, { method, headers: { origin, ...headers } })

const ask = (origin: string) => {
  const headers = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-loom-profile',
  }
  return from(origin, headers, 'OPTIONS')
}

describe('a page in a browser', () => {
  it('local, own and listed origins may call', async () => {
    for (const origin of [
      url,
      'http://localhost:5173',
      'https://127.0.0.1',
      'http://[::1]:80',
      'https://app.example.com',
    ]) {
      const response = await from(origin)
      expect(response.status, origin).toBe(200)
      expect(response.headers.get('access-control-allow-origin')).toBe(origin)
      expect(response.headers.get('access-control-expose-headers')).toMatch('x-vercel-ai-ui')
    }
  })

  it('other origins may not call', async () => {
    for (const origin of [
      'https://example.com',
      'http://app.example.com',
      'https://app.example.com.evil.net',
      'http://localhost.evil.net',
      'http://127.0.0.1.evil.net',
      'null',
      'file://',
      'nonsense',
    ]) {
      const response = await from(origin)
      expect([response.status, await response.text()], origin).toEqual([
        403,
        expect.stringMatching('LOOM_CORS_ORIGINS'),
      ])
      expect(response.headers.has('access-control-allow-origin')).toBe(false)
    }
    const response = await json(good, { origin: 'https://example.com' })
    expect(response.status).toBe(403)
  })

  it('a preflight request is answered', async () => {
    const allowed = await ask('https://app.example.com')
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-headers')).toMatch('x-loom-profile')
    expect((await ask('https://example.com')).status).toBe(403)
  })

  it('a stream has the headers of CORS too', async () => {
    const response = await json(good, { origin: 'http://localhost:5173' })
    expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:5173')
    expect(await response.text()).toContain('[DONE]')
  })

  it('only a listed origin may send cookies', async () => {
    const credentials = async (origin: string) =>
      (await from(origin)).headers.get('access-control-allow-credentials')
    expect(await credentials('https://app.example.com')).toBe('true')
    expect(await credentials('http://localhost:5173')).toBeNull()
    const { headers } = await ask('https://app.example.com')
    expect(headers.get('access-control-allow-credentials')).toBe('true')
  })

  it('sec-fetch-site same-origin is this server’s page', async () => {
    const proxied = { origin: 'https://chat.example.com', 'sec-fetch-site': 'same-origin' }
    expect((await json(good, proxied)).status).toBe(200)
    for (const site of ['same-site', 'cross-site', 'none', 'nonsense']) {
      expect((await json(good, { ...proxied, 'sec-fetch-site': site })).status, site).toBe(403)
    }
  })

  it('a page at LOOM_PUBLIC_URL is this server’s page', async () => {
    const config = readConfig({
      LOOM_AGENT: 'assistant',
      LOOM_PUBLIC_URL: 'https://chat.example.com/loom',
    })
    const { request } = await servedApp({ agents, config })
    const from = (origin: string, host: string) =>
      request('/api/agents', { headers: { origin, host } })
    expect((await from('https://chat.example.com', 'loom.localhost:3000')).status).toBe(200)
    expect((await from('https://chat.example.com', 'chat.example.com')).status).toBe(200)
    expect((await from('https://other.example.com', 'chat.example.com')).status).toBe(403)
    expect((await from('https://other.example.com', 'other.example.com')).status).toBe(403)
    // A proxy on this machine that sends the name of its own upstream.
    expect((await from('https://chat.example.com', 'loom_backend')).status).toBe(200)
    expect((await from('https://other.example.com', 'loom_backend')).status).toBe(403)
  })

  it('with keys, a page of any Host may call', async () => {
    const config = readConfig({ LOOM_AGENT: 'assistant', LOOM_API_KEYS: 'a-long-key' })
    const { request } = await servedApp({ agents, config })
    const from = (headers: Record<string, string>) =>
      request('/api/agents', { headers: { host: 'loom_backend', ...headers } })
    const key = { authorization: 'Bearer a-long-key' }
    const page = { origin: 'https://chat.example.com', 'sec-fetch-site': 'same-origin' }
    expect((await from({ ...key, ...page })).status).toBe(200)
    expect((await from(key)).status).toBe(200)
    expect((await from({ ...key, origin: 'https://evil.example.net' })).status).toBe(403)
    expect((await from(page)).status).toBe(401)
  })

  it('a foreign page cannot post a form or text', async () => {
    const types = ['text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', '']
    for (const type of types) {
      const tellings: Record<string, string>[] = [
        { origin: 'https://evil.example.net' },
        { origin: 'null' },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
        { referer: 'https://evil.example.net/page' },
        { referer: 'nonsense', 'sec-fetch-site': 'cross-site' },
      ]
      for (const telling of tellings) {
        const body = new Blob([JSON.stringify({ message: 'Hi' })])
        const response = await post(body, { 'content-type': type, ...telling })
        expect(response.status, JSON.stringify([type, telling])).toBe(403)
      }
    }
  })

  it('a client that is not a page needs no origin', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
      const body = new Blob([JSON.stringify({ message: 'Hi' })])
      expect((await post(body, { 'content-type': type })).status, type).toBe(200)
      const own = await post(body, { 'content-type': type, referer: `${url}/` })
      expect(own.status, type).toBe(200)
    }
  })

  it('a page needs an allowed host name', async () => {
    const from = async (variables: Record<string, string>, host: string, path = '/api/agents') => {
      const config = readConfig({ LOOM_AGENT: 'assistant', ...variables })
      const { request } = await servedApp({ agents, config })
      return (await request(path, { headers: { host } })).status
    }
    const everyOrigin = { LOOM_CORS_ORIGINS: '*' }
    expect(await from(everyOrigin, 'evil.example.net')).toBe(403)
    expect(await from(everyOrigin, 'localhost:3000')).toBe(200)
    const hosts = { ...everyOrigin, LOOM_ALLOWED_HOSTS: 'Chat.example.com,*.example.org,a.b:8443' }
    for (const host of [
      'chat.example.com',
      'chat.example.com:443',
      'x.y.example.org',
      'a.b:8443',
    ]) {
      expect(await from(hosts, host), host).toBe(200)
    }
    for (const host of ['evil.example.net', 'example.org', 'xexample.org', 'a.b', 'a.b:1']) {
      expect(await from(hosts, host), host).toBe(403)
    }
    const open = { ...hosts, HOST: '0.0.0.0', LOOM_AUTH: 'none' }
    expect(await from(open, 'evil.example.net')).toBe(403)
    expect(await from(open, 'chat.example.com')).toBe(200)
    expect(await from(open, '10.0.0.7:3000', '/readyz')).toBe(200)
    expect(await from({ HOST: '0.0.0.0', LOOM_AUTH: 'none' }, 'any.example.net')).toBe(200)
    expect(await from({ LOOM_ALLOWED_HOSTS: '*' }, 'any.example.net')).toBe(200)
  })

  it('DNS rebinding is refused', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let text = ''
    socket.on('data', (data) => (text += String(data)))
    socket.write('GET /api/agents HTTP/1.1\r\nhost: evil.example.net\r\nconnection: close\r\n\r\n')
    await vi.waitFor(() => expect(text).toMatch(/^HTTP\/1.1 403/), 20_000)
  })
})

describe('a number in a query', () => {
  const paths = ['/api/chat?limit=', '/api/chat?before=', '/api/models?limit=']
  const bad = [
    '0.5',
    '0',
    '-1',
    '1e3',
    'NaN',
    'Infinity',
    '0x10',
    '%201',
    'ten',
    '',
    '99999999999999999',
  ]

  it.each(paths)('a bad number in a query is refused: %s', async (path) => {
    for (const value of bad) {
      const response = await fetch(url + path + value)
      expect([response.status, await response.text()], value).toEqual([
        400,
        expect.stringMatching(/must be a whole number from 1 to/),
      ])
    }
    expect((await fetch(`${url}${path}2`)).status).toBe(200)
  })
})

it('a body may begin with a byte order mark', async () => {
  const body = new Blob(['\uFEFF', JSON.stringify({ message: 'Hi' })])
  expect((await post(body, { 'content-type': 'application/json' })).status).toBe(200)
})

describe('a connection that is idle', () => {
  /**
   * Returns the connection header of the first answer, and whether the connection was still open
   * after a while.
   */
  async function idle(address: string): Promise<string> {
    const socket = connect(Number(new URL(address).port), '127.0.0.1')
    let text = ''
    socket.on('data', (data) => (text += String(data)))
    socket.write('GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
    await vi.waitFor(() => expect(text).toContain('ok'), 20_000)
    socket.destroy()
    return text
  }

  it('an idle connection stays open for LOOM_IDLE_MS', async () => {
    expect(await idle(url)).toMatch(/^keep-alive: timeout=75\r$/im)
    const app = await servedApp({ agents })
    const other = await listen(app.fetch, { host: '127.0.0.1', port: 0, idleMs: 9000 })
    expect(await idle(other.url)).toMatch(/^keep-alive: timeout=9\r$/im)
    await other.stop(0)
  })
})

describe('the facts that the server reports', () => {
  it('the server lists its agents and usable models', async () => {
    expect(await (await fetch(`${url}/api/agents`)).json()).toMatchObject({
      agents: [
        { name: 'assistant', default: true },
        { name: 'other', description: 'Another.' },
        {},
        {},
      ],
    })
    expect(await (await fetch(`${url}/api/models`)).json()).toEqual({
      providers: expect.arrayContaining(['demo', 'acme']),
      default: 'demo/assistant',
      models: [{ id: 'demo/assistant', name: 'Demo', configured: true, tools: true }],
      total: 1,
    })
  })

  it('the server lists all known models in pages', async () => {
    const search = async (query: string) => {
      const headers = { accept: 'application/json' }
      const response = await fetch(`${url}/api/models?${query}`, { headers })
      return { status: response.status, body: Object(await response.json()) }
    }
    const { body } = await search('query=openrouter%20sonnet%204.6&limit=1')
    expect(body).toMatchObject({
      default: 'demo/assistant',
      models: [
        {
          id: 'openrouter/anthropic/claude-sonnet-4.6',
          name: 'Claude Sonnet 4.6',
          contextWindow: 1_000_000,
          maxOutputTokens: 128_000,
          price: { input: 3, output: 15, cacheRead: 0.3, tiers: [{ above: 200_000, input: 6 }] },
          tools: true,
          reasoning: true,
          input: ['text', 'image', 'pdf'],
          configured: false,
        },
      ],
    })
    expect(body.total).toBeGreaterThanOrEqual(1)
    expect((await search('query=')).body).toMatchObject({ total: 8262 })
    expect((await search('query=')).body.models).toHaveLength(100)
    expect((await search('query=&limit=1000')).body.models).toHaveLength(1000)
    for (const limit of ['0', '1001', '-1', '1e2', 'many']) {
      expect((await search(`query=&limit=${limit}`)).status, limit).toBe(400)
    }
  })

  it('healthz and readyz report the state of the server', async () => {
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    ready = false
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    ready = true
  })

  it('no file outside the playground is served', async () => {
    for (const path of ['/..%2fpackage.json', '/%2e%2e/package.json', '/package.json', '/a.b.js']) {
      expect((await fetch(url + path)).status).toBe(404)
    }
  })
})
