/** Two instances on one Redis behind a balancer without sticky sessions, for the official clients of MCP. */
import { describe, expect, it, onTestFinished } from 'vitest'

import { McpRemote } from '../../src/cli/remote/mcp-remote.ts'
import { defineAgent } from '../../src/index.ts'
import { human } from '../../tools/human.ts'
import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { calls, says, type Script, scriptedModel } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'
import { openClients, sessionIn, textIn } from './clients.ts'
import { heldReply, remover } from './served-tools.ts'

async function openTwo(scripts: Script[], tools = [human()]) {
  const redis = await startRedis()
  onTestFinished(() => redis[Symbol.asyncDispose]())
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', tools, model })
  const open = async () => {
    const served = await openServed([agent], { REDIS_URL: redis.url })
    onTestFinished(() => served[Symbol.asyncDispose]())
    return served
  }
  const servers = [await open(), await open()] as const
  let sent = 0
  /** Each request goes to the other instance than the one before. */
  const fetchInTurn = (url: string | URL, init?: RequestInit) => {
    const target = new URL(servers[sent++ % 2 === 0 ? 0 : 1].url)
    return fetch(new URL(new URL(url).pathname, target), init)
  }
  return { url: servers[0].url, servers, model, fetchInTurn }
}

describe.each(openClients)('a client of %s', (_version, open) => {
  it('is served by two instances in turn: tools, calls, forms and cancellations', async () => {
    const { removed, remove } = remover()
    const held = heldReply()
    const { url, servers, fetchInTurn } = await openTwo(
      [
        calls(['human', { question: 'Which branch?' }, 'call-1']),
        calls(['remove', { path: '/a' }, 'call-x']),
        says('Merged.'),
        held.reply,
      ],
      [human(), remove],
    )
    const client = await open(url, {
      fetch: fetchInTurn,
      answer: ({ message }) => ({
        action: 'accept',
        content: message === 'Which branch?' ? { answer: 'main' } : { approve: true },
      }),
    })
    expect(await client.tools()).toHaveLength(1)
    const result = await client.call('tutor', { message: 'Merge.' })
    expect([textIn(result), removed]).toEqual(['Merged.', ['/a']])
    const abort = new AbortController()
    const session = sessionIn(result)
    const call = client.call('tutor', { message: 'Hi', session }, { signal: abort.signal })
    await held.begun
    abort.abort('Enough.')
    await expect(call).rejects.toThrow()
    await until(10_000, 'the model call ends', held.isAborted)
    const state = async () => (await servers[1].loom.sessions.find('', session))?.state
    await until(10_000, 'the turn ends', async () => (await state()) === 'idle')
  })
})

it('a broken stream of an older client goes on at another instance', async () => {
  const held = heldReply()
  const { url, servers, model } = await openTwo([held.reply])
  const [, older] = openClients
  if (older === undefined) throw new Error('there is no older client')
  const breaking = new AbortController()
  const places: string[] = []
  const progress: number[] = []
  const client = await older[1](url, {
    async fetch(target, init = {}) {
      const isResumed = new Headers(init.headers).has('last-event-id')
      const to = new URL(new URL(target).pathname, servers[isResumed ? 1 : 0].url)
      if (isResumed) places.push(String(init.method))
      const isCall = JSON.stringify(init.body ?? '').includes('tools/call')
      const response = await fetch(to, init)
      return isCall ? cutBy(response, breaking.signal) : response
    },
  })
  const call = client.call(
    'tutor',
    { message: 'Hi' },
    { onprogress: (each) => progress.push(each.progress) },
  )
  await held.begun
  await until(5000, 'the first progress', () => progress.length > 0)
  breaking.abort()
  await until(5000, 'the client comes back', () => places.length > 0)
  held.release()
  expect(textIn(await call)).toBe('One two.')
  expect(progress).toEqual(progress.map((_, index) => index + 1))
  expect([places[0], model.asked.length]).toEqual(['GET', 1])
})

it('a call that waits goes on at another instance if its own shuts down', async () => {
  const { url, servers } = await openTwo([
    calls(['human', { question: 'Which branch?' }, 'call-1']),
    says('Merged.'),
  ])
  const [, older] = openClients
  if (older === undefined) throw new Error('there is no older client')
  const asked = Promise.withResolvers<void>()
  const resumed = Promise.withResolvers<void>()
  let target = servers[0].url
  const client = await older[1](url, {
    fetch(to, init = {}) {
      if (new Headers(init.headers).has('last-event-id')) resumed.resolve()
      return fetch(new URL(new URL(to).pathname, target), init)
    },
    answer: async () => {
      asked.resolve()
      await resumed.promise
      return { action: 'accept', content: { answer: 'main' } }
    },
  })
  const call = client.call('tutor', { message: 'Merge.' })
  await asked.promise
  target = servers[1].url
  await servers[0].loom.sessions.drain()
  expect(textIn(await call)).toBe('Merged.')
})

it('loom mcp --url continues a broken stream at another instance', async () => {
  const held = heldReply()
  const { url, servers, model } = await openTwo([held.reply])
  const breaking = new AbortController()
  const resumed = Promise.withResolvers<void>()
  const received: unknown[] = []
  const remote = new McpRemote({
    url,
    apiKey: undefined,
    deliver: async (message) => void received.push(message),
    report: (line) => void received.push(line),
    async fetch(_target, init = {}) {
      const isResumed = new Headers(init.headers).has('last-event-id')
      if (isResumed) resumed.resolve()
      const base = servers[isResumed ? 1 : 0].url
      const response = await fetch(`${base}/mcp`, init)
      return JSON.stringify(init.body ?? '').includes('tools/call')
        ? cutBy(response, breaking.signal)
        : response
    },
  })
  onTestFinished(() => remote.close())
  const clientInfo = { name: 'test', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  await remote.forward({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  const call = remote.forward({
    jsonrpc: '2.0',
    id: 2,
    method: 'tools/call',
    params: { name: 'tutor', arguments: { message: 'Hi' } },
  })
  await held.begun
  breaking.abort()
  await resumed.promise
  held.release()
  await call
  expect(received).toMatchObject([
    { id: 1, result: { protocolVersion: '2025-11-25' } },
    { id: 2, result: { content: [{ text: 'One two.' }, {}] } },
  ])
  expect(model.asked).toHaveLength(1)
})

/** The response, whose body breaks off when the signal aborts. */
function cutBy(response: Response, signal: AbortSignal): Response {
  const broken = new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      signal.addEventListener('abort', () => controller.error(new Error('The connection broke.')))
    },
  })
  response.body?.pipeTo(broken.writable).catch(() => undefined)
  return new Response(broken.readable, response)
}
