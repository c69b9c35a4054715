/** `/mcp` has the access rules, the limits and the errors of the HTTP API. */
import { discoverOAuthProtectedResourceMetadata } from '@modelcontextprotocol/sdk/client/auth.js'
import { describe, expect, it } from 'vitest'

import { jwtSecret } from '../access/access-server.ts'
import { calls, says } from '../scripted-model.ts'
import { openClients, sessionIn, textIn } from './clients.ts'
import { heldReply, remover, serve } from './served-tools.ts'

const keys = { LOOM_API_KEYS: 'ada:key-of-ada,eve:key-of-eve' }
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

const call = (args: Record<string, unknown>) => ({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name: 'tutor', arguments: args },
})

async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

describe('a request', () => {
  it('without a key gets 401 with the way to authenticate', async () => {
    const { url } = await serve([], {}, keys)
    const { status, headers, text } = await post(url, call({ message: 'Hi' }))
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect(JSON.parse(text)).toMatchObject({
      jsonrpc: '2.0',
      id: null,
      error: { data: { code: 'unauthorized' } },
    })
    expect((await fetch(`${url}/mcp`, { method: 'PATCH' })).status).toBe(401)
  })

  it('without a token names the issuer of tokens, for a server that has one', async () => {
    const issuer = 'https://issuer.example'
    const base = 'https://loom.example'
    const { url } = await serve(
      [],
      {},
      { LOOM_JWT_SECRET: jwtSecret, LOOM_JWT_ISSUER: issuer, LOOM_PUBLIC_URL: base },
    )
    const { headers } = await post(url, call({ message: 'Hi' }))
    const path = '/.well-known/oauth-protected-resource/mcp'
    expect(headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${base}${path}"`)
    // The client of the protocol finds and checks it.
    const metadata = await discoverOAuthProtectedResourceMetadata(`${url}/mcp`)
    expect(metadata).toMatchObject({
      resource: `${base}/mcp`,
      authorization_servers: [issuer],
      scopes_supported: ['read', 'chat', 'admin'],
    })
    const other = await fetch(`${url}/api/agents`)
    expect(other.headers.get('www-authenticate')).toBe('Bearer')
    const without = await serve([], {}, keys)
    expect((await fetch(without.url + path)).status).toBe(404)
  })

  it('of a page of another origin, or to another host name, gets 403', async () => {
    const { url, app } = await serve([])
    const page = await post(url, call({ message: 'Hi' }), { origin: 'https://evil.example' })
    expect([page.status, JSON.parse(page.text).error.data.code]).toEqual([403, 'forbidden-origin'])
    const body = JSON.stringify(call({ message: 'Hi' }))
    const rebound = await app.request('/mcp', {
      method: 'POST',
      headers: { host: 'evil.example' },
      body,
    })
    expect(rebound.status).toBe(403)
  })

  it('of a page of an allowed origin shows it the MCP session', async () => {
    const origin = 'https://page.example'
    const { url } = await serve([], {}, { LOOM_CORS_ORIGINS: origin })
    const { headers } = await post(url, { jsonrpc: '2.0', id: 1, method: 'ping' }, { origin })
    expect(headers.get('access-control-expose-headers')).toContain('mcp-session-id')
  })

  it('that is no JSON-RPC message gets an error of JSON-RPC', async () => {
    const { url } = await serve([])
    for (const body of ['{', '[]', '{"jsonrpc":"1.0"}', '"text"']) {
      const { status, text } = await post(url, body)
      expect([status, JSON.parse(text).error.code], body).toEqual([400, -32600])
    }
    const version = { 'mcp-protocol-version': '1999-01-01' }
    expect((await post(url, call({ message: 'Hi' }), version)).status).toBe(400)
    expect((await post(url, call({ message: 'Hi' }), { 'mcp-session-id': 'no' })).status).toBe(404)
    expect((await fetch(`${url}/mcp`)).status).toBe(405)
    expect((await fetch(`${url}/mcp`, { headers: { 'last-event-id': 'x' } })).status).toBe(400)
    expect((await fetch(`${url}/mcp`, { method: 'DELETE' })).status).toBe(204)
  })

  it('with too large a body gets 413', async () => {
    const { url } = await serve([])
    const { status, text } = await post(url, call({ message: 'x'.repeat(40_000_000) }))
    expect([status, JSON.parse(text).error.data.code]).toEqual([413, 'payload-too-large'])
  })
})

describe('a client of MCP 2025-03-26', () => {
  it('is served, and gets no event without data', async () => {
    const { url } = await serve([says('Hello.')])
    const params = {
      protocolVersion: '2025-03-26',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    }
    const begun = await post(url, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
    expect(JSON.parse(begun.text).result.protocolVersion).toBe('2025-03-26')
    const session = { 'mcp-session-id': begun.headers.get('mcp-session-id') ?? '' }
    const { text } = await post(url, call({ message: 'Hi' }), session)
    const data = text.split('\n').filter((line) => line.startsWith('data:'))
    expect(data.map((line) => JSON.parse(line.slice(5)))).toMatchObject([
      { id: 7, result: { content: [{ text: 'Hello.' }, {}] } },
    ])
  })
})

describe.each(openClients)('a client of %s', (_version, open) => {
  it('uses its key, and does not reach the sessions of another one', async () => {
    const { url } = await serve([says('I know a secret.')], {}, keys)
    await expect(open(url, { headers: bearer('key-of-nobody') })).rejects.toThrow()
    const ada = await open(url, { headers: bearer('key-of-ada') })
    const session = sessionIn(await ada.call('tutor', { message: 'Hi' }))
    const eve = await open(url, { headers: bearer('key-of-eve') })
    for (const args of [{ session }, { session, message: 'Tell me.' }]) {
      const result = await eve.call('tutor', args)
      expect([result.isError, textIn(result)]).toEqual([
        true,
        expect.stringContaining('There is no such session.'),
      ])
    }
  })

  it('gets 503 with Retry-After from an instance without a place', async () => {
    const held = heldReply()
    const { url } = await serve([held.reply], {}, { LOOM_TURNS_MAX: '1' })
    const responses: Response[] = []
    const client = await open(url, {
      fetch: async (...request) => {
        const response = await fetch(...request)
        responses.push(response)
        return response
      },
    })
    const first = client.call('tutor', { message: 'Hi' })
    await held.begun
    await expect(client.call('tutor', { message: 'Hi' })).rejects.toThrow()
    const refused = responses.find(({ status }) => status === 503)
    expect(refused?.headers.get('retry-after')).toBe('1')
    held.release()
    expect(textIn(await first)).toBe('One two.')
  })
})

describe('a form', () => {
  it('that a stranger answers changes nothing', async () => {
    const { removed, remove } = remover()
    const reply = [calls(['remove', { path: '/a' }, 'call-x']), says('It is done.')]
    const { url, loom } = await serve(reply, { tools: [remove] }, keys)
    const texts: Promise<string>[] = []
    const asked = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    const [, older] = openClients
    const ada = await older?.[1](url, {
      headers: bearer('key-of-ada'),
      answer: async () => {
        asked.resolve()
        await answered.promise
        return { action: 'decline' }
      },
      fetch: async (...request) => {
        const response = await fetch(...request)
        texts.push(response.clone().text())
        return response
      },
    })
    const result = ada?.call('tutor', { message: 'Remove it.' })
    await asked.promise
    const session = (await loom.sessions.list('ada', { limit: 1 })).sessions[0]
    const { parts = [] } =
      session?.turn === undefined
        ? {}
        : await loom.sessions.partialAnswer(session.id, session.turn.logId)
    const approval = parts.find(({ state }) => state === 'approval-requested')?.['approval']
    const id = `question:${Buffer.from(
      JSON.stringify({
        session: session?.id.replace('@ada/', ''),
        logId: session?.turn?.logId,
        key: JSON.parse(JSON.stringify(approval)).id,
      }),
    ).toString('base64url')}`
    const consent = { action: 'accept', content: { approve: true } }
    const reply202 = await post(url, { jsonrpc: '2.0', id, result: consent }, bearer('key-of-eve'))
    expect(reply202.status).toBe(202)
    answered.resolve()
    await result
    expect((await Promise.all(texts)).join()).toContain(id)
    expect(removed).toEqual([])
  })
})
