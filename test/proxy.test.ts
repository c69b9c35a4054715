/** The HTTP proxy of the environment, for every connection to a provider. */
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'

import { describe, expect, test } from 'vitest'

import { networkFetch } from '../src/model/network.ts'
import { createModels } from '../src/model/resolve.ts'
import { delta, done } from './fixtures/chat-streams.ts'
import { serveInTest } from './fixtures/open-server.ts'
import { eventStream, upstream } from './fixtures/upstream.ts'
import { agentOf, record } from './recorded-run.ts'

const answer = delta({ content: 'Hello' }) + delta({}, 'stop') + done

interface Proxy {
  url: string
  /** The targets of forwarded requests, and of tunnels. */
  targets: string[]
  headers: IncomingMessage['headers'][]
}

/** Answers forwarded requests like the provider, and closes tunnels. */
async function proxy(): Promise<Proxy> {
  const targets: string[] = []
  const headers: Proxy['headers'] = []
  const server = createServer((request, response) => {
    targets.push(request.url ?? '')
    headers.push(request.headers)
    request.resume().once('end', () => eventStream(response).end(answer))
  })
  server.on('connect', (request, socket) => {
    targets.push(`CONNECT ${request.url}`)
    socket.destroy()
  })
  return { url: await serveInTest(server), targets, headers }
}

/** The answer of a model with these settings. */
async function ask(environment: Record<string, string>, model = 'mock/x') {
  const models = createModels({ environment: { MOCK_API_KEY: 'x', ...environment } })
  return record(agentOf({ model, retry: { retries: 0 } }), 'Hi', { models })
}

const elsewhere = { MOCK_BASE_URL: 'http://models.invalid/v1' }

describe('a request to a provider', () => {
  test.each(['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'])(
    'a request uses %s',
    async (name) => {
      const { url, targets, headers } = await proxy()
      const { result } = await ask({ ...elsewhere, [name]: url })
      expect(result.text).toBe('Hello')
      expect(targets).toEqual(['http://models.invalid/v1/chat/completions'])
      expect(headers[0]).toMatchObject({ host: 'models.invalid', authorization: 'Bearer x' })
    },
  )

  test('a proxy address may lack http://', async () => {
    const { url, targets } = await proxy()
    await ask({ ...elsewhere, HTTP_PROXY: url.replace('http://', '') })
    expect(targets).toHaveLength(1)
  })

  test('only the proxy receives the credentials of its address', async () => {
    const { url, headers } = await proxy()
    await ask({ ...elsewhere, HTTP_PROXY: url.replace('//', '//me:secret@') })
    const encoded = Buffer.from('me:secret').toString('base64')
    expect(headers[0]).toMatchObject({ 'proxy-authorization': `Basic ${encoded}` })
  })

  test('a request over TLS uses a tunnel', async () => {
    const { url, targets } = await proxy()
    await ask({ MOCK_BASE_URL: 'https://models.invalid/v1', HTTPS_PROXY: url })
    expect(targets).toEqual(['CONNECT models.invalid:443'])
  })

  test.each(['models.invalid', '.invalid', '*', 'other,models.invalid'])(
    'a request is direct if NO_PROXY is %s',
    async (noProxy) => {
      const { url, targets } = await proxy()
      const { error } = await ask({ ...elsewhere, HTTP_PROXY: url, NO_PROXY: noProxy })
      expect(error?.message).toMatch(/Cannot reach models.invalid/)
      expect(targets).toEqual([])
    },
  )

  test('a request is direct without a proxy', async () => {
    const { baseUrl } = await upstream((response) => eventStream(response).end(answer))
    const { result } = await ask({ MOCK_BASE_URL: baseUrl, HTTP_PROXY: ' ' })
    expect(result.text).toBe('Hello')
  })
})

test.each([
  ['anthropic/claude-sonnet-4-6', 'ANTHROPIC', '/v1/messages'],
  ['openai/gpt-5', 'OPENAI', '/v1/responses'],
  ['google/gemini-3-flash-preview', 'GOOGLE', '/v1beta/models/'],
])('a provider package uses the proxy: %s', async (model, name, path) => {
  const { url, targets } = await proxy()
  const address = { [`${name}_BASE_URL`]: 'http://models.invalid', [`${name}_API_KEY`]: 'x' }
  await ask({ ...address, HTTP_PROXY: url }, model)
  expect(targets).toEqual([expect.stringContaining(`http://models.invalid${path}`)])
})

test('the list of models uses the proxy', async () => {
  const { url, targets } = await proxy()
  const fetch = networkFetch({ HTTP_PROXY: url })
  const response = await fetch('http://models.invalid/api.json', { headers: { a: 'b' } })
  expect(response.status).toBe(200)
  expect(targets).toEqual(['http://models.invalid/api.json'])
})

test.each(['ftp://proxy', 'http://', 'http://[x'])('the proxy address %s is refused', (address) => {
  expect(() => createModels({ environment: { HTTP_PROXY: address } })).toThrow(
    /HTTP_PROXY is not the address of a proxy/,
  )
})
