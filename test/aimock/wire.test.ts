/** Answers with faults on their way that the mock itself cannot produce. */
import { gzipSync } from 'node:zlib'

import { describe, expect, test } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import { createModels } from '../../src/model/resolve.ts'
import type { OnFinished } from '../fixtures/open-server.ts'
import { begin, type Fault, openProxy, type Proxy } from './proxy.ts'
import {
  apiKey,
  askedOf,
  assistant,
  calculates,
  environmentFor,
  expectPairedCalls,
  openStage,
  type Provider,
  providers,
  quickRetries,
  record,
  says,
  type Stage,
  textOf,
  typesOf,
} from './stage.ts'

const half = (events: readonly string[]) => events.slice(0, Math.ceil(events.length / 2)).join('')

/** An error inside the stream, in the form of each provider. */
const reported: Record<string, (message: string) => string> = {
  MOCK: (message) => `data: ${JSON.stringify({ error: { message, type: 'server_error' } })}\n\n`,
  ANTHROPIC: (message) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message } })}\n\n`,
  OPENAI: (message) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', sequence_number: 9, code: 'server_error', message, param: null })}\n\n`,
  GOOGLE: (message) =>
    `data: ${JSON.stringify({ error: { code: 503, message, status: 'UNAVAILABLE' } })}\n\n`,
}

/** These faults come before any text. */
const earlyFaults: Record<string, Fault> = {
  'an answer that ends before its first event': async (response) => {
    await begin(response, '')
    response.end()
  },
  'a connection that is reset at once': (response) => void response.socket?.resetAndDestroy(),
  'the page of a gateway': (response) => {
    response.writeHead(502, { 'content-type': 'text/html' })
    response.end('<html><head><title>502 Bad Gateway</title></head></html>')
  },
  'an answer that never comes': () => {},
  'headers without an answer': (response) => begin(response, ''),
}

/** These faults come after the reader has a part of the answer. */
const lateFaults: Record<string, Fault> = {
  'an answer that ends after its first event': async (response, { events }) => {
    await begin(response, events[0] ?? '')
    response.end()
  },
  'an answer that ends in the middle': async (response, { events }) => {
    await begin(response, half(events))
    response.end()
  },
  'an answer that ends within an event': async (response, { body }) => {
    await begin(response, body.slice(0, body.length * 0.6))
    response.end()
  },
  'a connection that is reset': async (response, { events }) => {
    await begin(response, half(events))
    response.socket?.resetAndDestroy()
  },
  'a body shorter than it was said to be': async (response, { body, events }) => {
    await begin(response, half(events), { 'content-length': String(body.length) })
    response.destroy()
  },
  'an event that is not JSON': async (response, { events }) => {
    await begin(response, half(events))
    response.end('data: {"choices": [{]}\n\n')
  },
  'silence in mid-answer': (response, { events }) => begin(response, half(events)),
}

/** After each of these faults the call is repeated. */
const temporaryFaults = { ...earlyFaults, ...lateFaults }

/**
 * These faults end the run, unless there is another model, because a retry would meet the same
 * server.
 */
const permanentFaults: Record<string, Fault> = {
  'a web page': (response) => {
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end('<!doctype html><title>Welcome</title>')
  },
  'an answer without a body': (response) => void response.writeHead(204).end(),
  'a redirection': (response) => void response.writeHead(307, { location: '/login' }).end(),
  'something that is not HTTP': (response) => void response.socket?.end('SSH-2.0-OpenSSH\r\n'),
}

interface WireStage extends Stage {
  proxy: Proxy
}

async function openWire(onFinished: OnFinished): Promise<WireStage> {
  const { mock } = await openStage(onFinished)
  const proxy = await openProxy(mock.url, onFinished)
  mock.on({ hasToolResult: false }, { ...calculates('6 * 7'), content: 'Let me calculate that.' })
  mock.on({ hasToolResult: true }, says('It is 42.'))
  return { mock, proxy, models: createModels({ environment: environmentFor(proxy.url) }) }
}

/** After these faults the other side sends nothing, and only a time limit ends the wait. */
const silentFaults: ReadonlySet<string> = new Set([
  'an answer that never comes',
  'headers without an answer',
  'silence in mid-answer',
])

/**
 * Returns a short limit only for a fault that waits for it. On a busy machine, a good answer after
 * the limit would be requested again, and a fault after it would not be seen.
 */
const limitsOf = (fault: string) => {
  const silenceMs = silentFaults.has(fault) ? 1000 : 20_000
  return { firstChunkMs: silenceMs, nextChunkMs: silenceMs }
}

// Most of the time these tests wait for a limit, so they run beside each other.
describe.concurrent.each(providers)('$name', ({ model, variable }: Provider) => {
  test.for(Object.entries(temporaryFaults))(
    'retries after %s',
    async ([name, fault], { onTestFinished }) => {
      const { mock, proxy, models } = await openWire(onTestFinished)
      proxy.faults.push(fault)
      const { events, result } = await record(assistant, 'What is it?', {
        model,
        models,
        limits: limitsOf(name),
      })
      expect(result).toMatchObject({ text: 'It is 42.', steps: 2 })
      const last = events.slice(typesOf(events).lastIndexOf('reset-step') + 1)
      expect(textOf(last)).toBe('Let me calculate that.It is 42.')
      expectPairedCalls(askedOf(mock))
    },
  )

  test.for(Object.entries(lateFaults))(
    'continues after %s',
    async ([name, fault], { onTestFinished }) => {
      const { mock, proxy, models } = await openWire(onTestFinished)
      proxy.faults.push(fault)
      const options = { model, models, recovery: 'continue' as const, limits: limitsOf(name) }
      const { events, result } = await record(assistant, 'What is it?', options)
      expect(result?.text).toBe('It is 42.')
      expect(typesOf(events)).not.toContain('reset-step')
      expectPairedCalls(askedOf(mock))
    },
  )

  test.for(Object.entries({ ...temporaryFaults, ...permanentFaults }))(
    'a permanent fault ends with a readable error: %s',
    async ([name, fault], { onTestFinished }) => {
      const { proxy, models } = await openWire(onTestFinished)
      proxy.faults.push(fault, fault)
      const agent = defineAgent({ ...assistant, retry: { ...quickRetries, retries: 1 } })
      const limits = limitsOf(name)
      const { error } = await record(agent, 'What is it?', { model, models, limits })
      expect(error?.result?.outcome).toBe('error')
    },
  )

  test('retries after an overload error within the answer', async ({ onTestFinished }) => {
    const { proxy, models } = await openWire(onTestFinished)
    proxy.faults.push(async (response, { events }) => {
      await begin(response, events.slice(0, 2).join(''))
      response.end(reported[variable]?.('Overloaded'))
    })
    const { result } = await record(assistant, 'What is it?', { model, models })
    expect(result?.text).toBe('It is 42.')
  })

  test('an echoed key is removed from the error', async ({ onTestFinished }) => {
    const { proxy, models } = await openWire(onTestFinished)
    const echo = `The key ${apiKey} is on no list.`
    proxy.faults.push((response) => {
      response.writeHead(401, { 'content-type': 'application/json' })
      const error = { message: echo, type: 'authentication_error', code: 401, status: 'X' }
      response.end(JSON.stringify({ type: 'error', error }))
    })
    const refused = await record(assistant, 'What is it?', { model, models })
    expect(refused.error?.message).toContain('[redacted]')
    proxy.faults.push((response) =>
      begin(response, reported[variable]?.(echo) ?? '').then(() => void response.end()),
    )
    const agent = defineAgent({ ...assistant, retry: { retries: 0 } })
    const failed = await record(agent, 'What is it?', { model, models })
    expect(failed.error?.message).toContain('[redacted]')
  })

  test('reads an answer byte by byte, or compressed', async ({ onTestFinished }) => {
    const { proxy, models } = await openWire(onTestFinished)
    proxy.faults.push(async (response, { body }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const byte of Buffer.from(body)) {
        await new Promise((resolve) => response.write(Uint8Array.of(byte), resolve))
      }
      response.end()
    })
    const { events, result } = await record(assistant, 'What is it?', { model, models })
    expect(textOf(events)).toBe('Let me calculate that.It is 42.')
    expect(result?.steps).toBe(2)
    if (variable === 'MOCK') return
    proxy.faults.push((response, { body }) =>
      begin(response, gzipSync(body), { 'content-encoding': 'gzip' }).then(
        () => void response.end(),
      ),
    )
    const compressed = await record(assistant, 'What is it?', { model, models })
    expect(compressed.result?.text).toBe('It is 42.')
  })
})
