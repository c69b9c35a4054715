/** The chat-completions client over real sockets: direct method and stream, pace, and connections. */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'

import { isDirectModel, streamParts } from '../src/model.ts'
import { openAICompatible } from '../src/model/openai-compatible.ts'
import { httpTransport } from '../src/model/openai-compatible/http-transport.ts'
import { hello, loomModel } from './fixtures/byte-transport.ts'
import { chatStreams, delta, done } from './fixtures/chat-streams.ts'
import { collectParts, collectStream } from './fixtures/collected-parts.ts'
import { eventStream, upstream } from './fixtures/upstream.ts'
import { until } from './redis/until.ts'

const names = { provider: 'test', modelId: 'm1' }
const stop = delta({}, 'stop') + done
const encode = (text: string) => new TextEncoder().encode(text)

test('a chat-completions model has the direct method', () => {
  const model = loomModel([])
  expect(isDirectModel(model)).toBe(true)
  expect(model).toMatchObject({ specificationVersion: 'v4', ...names })
})

test.each(Object.entries(chatStreams))(
  'the direct method and the stream give the same parts: %s',
  async (_, wire) => {
    const { baseUrl } = await upstream((response) => {
      eventStream(response)
      for (let start = 0; start < wire.length; start += 50) {
        response.write(wire.slice(start, start + 50))
      }
      response.end()
    })
    const model = openAICompatible({ ...names, baseUrl })
    const direct = await collectParts(model, hello)
    const stream = await collectStream(model, hello)
    expect(withoutIds(stream)).toEqual(withoutIds(direct))
    expect(direct.parts.length + (direct.failure === undefined ? 0 : 1)).toBeGreaterThan(0)
  },
)

/** Generated ids differ from call to call. */
/** Two answers may have times in two different seconds. */
const withoutIds = (collected: unknown) =>
  JSON.parse(
    JSON.stringify(collected)
      .replaceAll(/call_[0-9a-f]{32}/g, 'generated')
      .replaceAll(/"date":"[^"]*"/g, '"date":"now"'),
  )

test('the parts of one read arrive together', async () => {
  const reads: string[][] = []
  const text = delta({ content: 'a' }) + delta({ content: 'b' })
  await loomModel([encode(text), encode(stop)])[streamParts](hello, (parts) => {
    reads.push(parts.map((part) => part.type))
  })
  expect(reads).toEqual([
    ['stream-start', 'response-metadata', 'text-start', 'text-delta', 'text-delta'],
    ['text-end', 'finish'],
  ])
})

test('a stream has the request and the response headers', async () => {
  const { baseUrl } = await upstream((response) => {
    response.setHeader('x-request-id', 'r1')
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    eventStream(response).end(stop)
  })
  const { request, response } = await openAICompatible({ ...names, baseUrl }).doStream(hello)
  expect(request?.body).toMatchObject({ model: 'm1', stream: true })
  expect(response?.headers).toMatchObject({ 'x-request-id': 'r1', 'set-cookie': 'a=1, b=2' })
})

describe('`doGenerate`', () => {
  test('`doGenerate` returns the whole answer', async () => {
    const wire = [
      delta({ reasoning: 'hm' }),
      delta({ reasoning: ', so' }),
      delta({ content: 'Let me ' }),
      delta({ content: 'look.' }),
      delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'read', arguments: '{}' } }] }),
      delta({}, 'tool_calls'),
      'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n',
    ]
    const call = { ...hello, topK: 1 }
    expect(await loomModel([encode(wire.join(''))]).doGenerate(call)).toMatchObject({
      content: [
        { type: 'reasoning', text: 'hm, so' },
        { type: 'text', text: 'Let me look.' },
        { type: 'tool-call', toolCallId: 'a', toolName: 'read', input: '{}' },
      ],
      finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
      usage: { inputTokens: { total: 3 }, outputTokens: { total: 5 } },
      response: { id: 'c1', modelId: 'm1', headers: { 'content-type': 'text/event-stream' } },
      warnings: [{ type: 'unsupported', feature: 'topK' }],
    })
  })

  test('`doGenerate` rejects if an error comes in the middle', async () => {
    const wire = `${delta({ content: 'a' })}data: {"error":{"message":"overloaded"}}\n\n`
    await expect(loomModel([encode(wire)]).doGenerate(hello)).rejects.toThrow('overloaded')
  })
})

/** Resolves when the count of the server has not changed for twenty checks. */
async function standstill(state: { sent: number; isPaused: boolean }): Promise<void> {
  let [sent, turns] = [-1, 0]
  await until(5000, 'the server is paused', () => {
    turns = state.isPaused && state.sent === sent ? turns + 1 : 0
    sent = state.sent
    return turns > 20
  })
}

describe('the pace', () => {
  const chunk = delta({ content: 'x'.repeat(16 * 1024) })
  /** More than all buffers between the two together, and much less than the server would send. */
  const maxAhead = 32 * 1024 * 1024
  const maxSent = 256 * 1024 * 1024

  /** Writes until backpressure stops it. */
  async function fastServer() {
    const state = { sent: 0, isPaused: false }
    const { baseUrl } = await upstream((response) => {
      eventStream(response)
      const write = () => {
        state.isPaused = false
        while (state.sent < maxSent) {
          state.sent += chunk.length
          if (!response.write(chunk)) {
            state.isPaused = true
            response.once('drain', write)
            return
          }
        }
        response.end(stop)
      }
      write()
    })
    return { state, model: openAICompatible({ ...names, baseUrl }) }
  }

  test('the receiver sets the pace', async () => {
    const { state, model } = await fastServer()
    const abort = new AbortController()
    const waiting: (() => void)[] = []
    let reads = 0
    const call = model[streamParts]({ ...hello, abortSignal: abort.signal }, () => {
      reads++
      return new Promise<void>((resolve) => waiting.push(resolve))
    })
    await standstill(state)
    expect(reads).toBe(1)
    expect(state.sent).toBeLessThan(maxAhead)
    const before = state.sent
    await until(5000, 'the server goes on', () => {
      for (const release of waiting.splice(0)) release()
      return state.sent > before
    })
    await standstill(state)
    expect(state.sent - before).toBeLessThan(maxAhead)
    abort.abort()
    await expect(call).rejects.toBe(abort.signal.reason)
  })

  test('the reader of the stream sets the pace', async () => {
    const { state, model } = await fastServer()
    const { stream } = await model.doStream(hello)
    await standstill(state)
    expect(state.sent).toBeLessThan(maxAhead)
    const before = state.sent
    const reader = stream.getReader()
    for (let text = 0; text < maxAhead;) {
      const { value } = await reader.read()
      if (value?.type === 'text-delta') text += value.delta.length
    }
    expect(state.sent).toBeGreaterThan(before)
    await reader.cancel()
  })
})

test('an error of the receiver rejects and closes the connection', async () => {
  let isClosed = false
  const { baseUrl } = await upstream((response) => {
    response.once('close', () => (isClosed = true))
    eventStream(response).write(delta({ content: 'a' }))
  })
  const model = openAICompatible({ ...names, baseUrl })
  const thrown = new Error('thrown')
  const receive = () => {
    throw thrown
  }
  await expect(model[streamParts](hello, receive)).rejects.toBe(thrown)
  await until(5000, 'the connection is cut', () => isClosed)
  await expect(model[streamParts](hello, () => Promise.reject(thrown))).rejects.toBe(thrown)
})

test('a cancelled stream closes the connection', async () => {
  let isClosed = false
  const { baseUrl } = await upstream((response) => {
    response.once('close', () => (isClosed = true))
    eventStream(response).write(delta({ content: 'a' }))
  })
  const { stream } = await openAICompatible({ ...names, baseUrl }).doStream(hello)
  await stream.cancel()
  await until(5000, 'the connection is cut', () => isClosed)
})

describe('connections', () => {
  test('connections are reused', async () => {
    const server = await upstream((response) => eventStream(response).end(stop))
    const model = openAICompatible({ ...names, baseUrl: server.baseUrl })
    for (let call = 0; call < 5; call++) await collectParts(model, hello)
    expect(server.connections()).toBe(1)
  })

  test('answers have a connection each, shared by one transport', async () => {
    const releases: (() => void)[] = []
    const server = await upstream((response) =>
      releases.push(() => eventStream(response).end(stop)),
    )
    const options = { ...names, baseUrl: server.baseUrl, transport: httpTransport() }
    const models = [openAICompatible(options), openAICompatible(options)]
    const calls = models.map((model) => collectParts(model, hello))
    await until(5000, 'both have asked', () => releases.length === 2)
    for (const release of releases.splice(0)) release()
    await Promise.all(calls)
    expect(server.connections()).toBe(2)
    const next = models.map((model) => collectParts(model, hello))
    await until(5000, 'both have asked again', () => releases.length === 2)
    for (const release of releases) release()
    await Promise.all(next)
    expect(server.connections()).toBe(2)
  })

  test('a dead idle connection is replaced or may be retried', async () => {
    let requests = 0
    const server = await upstream((response, request) => {
      requests++
      // The server closed the idle connection while the second request was on its way.
      if (requests === 2) request.socket.resetAndDestroy()
      else eventStream(response).end(stop)
    })
    const model = openAICompatible({ ...names, baseUrl: server.baseUrl })
    await collectParts(model, hello)
    const second = await collectParts(model, hello)
    expect(second.failure).toMatchObject({ name: 'AI_APICallError', isRetryable: true })
    const third = await collectParts(model, hello)
    expect(third.parts.at(-1)).toMatchObject({ finishReason: { unified: 'stop' } })
  })

  test('a connection that stays open after [DONE] is closed', async () => {
    let isClosed = false
    const { baseUrl } = await upstream((response) => {
      response.once('close', () => (isClosed = true))
      eventStream(response).write(stop)
    })
    const { parts } = await collectParts(openAICompatible({ ...names, baseUrl }), hello)
    expect(lastReason(parts)).toBe('stop')
    await until(5000, 'the connection is cut', () => isClosed)
  })
})

const lastReason = (parts: readonly LanguageModelV4StreamPart[]) => {
  const last = parts.at(-1)
  return last?.type === 'finish' ? last.finishReason.unified : last?.type
}

test('an event that is too long is refused', async () => {
  const first = encode(delta({ content: 'a' }))
  const endless = Array.from({ length: 20 }, () => encode('x'.repeat(1024 * 1024)))
  const { parts } = await collectParts(loomModel([first, encode('data: "'), ...endless]), hello)
  expect(parts.slice(-2)).toMatchObject([
    { type: 'error', error: { message: expect.stringContaining('too much'), isRetryable: false } },
    { type: 'finish', finishReason: { unified: 'error' } },
  ])
  const { failure } = await collectParts(loomModel([encode('data: "'), ...endless]), hello)
  expect(failure).toMatchObject({ message: expect.stringContaining('too much') })
  const lines = Array.from({ length: 20 }, () => encode(`data: ${'x'.repeat(1024 * 1024)}\n`))
  const ofLines = await collectParts(loomModel(lines), hello)
  expect(ofLines.failure).toMatchObject({ message: expect.stringContaining('too much') })
})
