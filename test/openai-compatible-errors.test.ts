/** Error reports of the chat-completions client, over real sockets. */
import { APICallError } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'

import { streamParts } from '../src/model.ts'
import { openAICompatible } from '../src/model/openai-compatible.ts'
import { hello } from './fixtures/byte-transport.ts'
import { delta, done } from './fixtures/chat-streams.ts'
import { collectParts, collectStream } from './fixtures/collected-parts.ts'
import { eventStream, unusedAddress, rawUpstream, upstream } from './fixtures/upstream.ts'
import { until } from './redis/until.ts'

const modelAt = (baseUrl: string) => openAICompatible({ provider: 'test', modelId: 'm1', baseUrl })
const text = delta({ content: 'Hel' })

/** The rejections of the direct method and of the stream. */
async function failureOf(baseUrl: string): Promise<APICallError> {
  const { parts, failure } = await collectParts(modelAt(baseUrl), hello)
  const byStream = await collectStream(modelAt(baseUrl), hello)
  expect([parts, byStream.parts]).toEqual([[], []])
  if (!APICallError.isInstance(failure) || !APICallError.isInstance(byStream.failure)) {
    throw new Error('no APICallError', { cause: failure })
  }
  expect(byStream.failure.message).toBe(failure.message)
  return failure
}

const openAI = (message: string) => JSON.stringify({ error: { message, type: 'x', code: null } })
const page =
  '<!doctype html><html><head><title>502 Bad\n Gateway</title></head><body></body></html>'

describe('an HTTP error', () => {
  test.each([
    { status: 400, body: openAI('bad temperature'), message: 'bad temperature', retry: false },
    { status: 400, body: '{"error":"no such field"}', message: 'no such field', retry: false },
    { status: 400, body: '[{"error":{"message":"no"}}]', message: 'no', retry: false },
    { status: 401, body: openAI('wrong key'), message: 'wrong key', retry: false },
    { status: 404, body: '{"message":"no model m1"}', message: 'no model m1', retry: false },
    { status: 404, body: '', message: /^127.0.0.1:\d+ answered 404 Not Found$/, retry: false },
    { status: 408, body: '{"detail":"too slow"}', message: 'too slow', retry: true },
    { status: 409, body: openAI('conflict'), message: 'conflict', retry: true },
    { status: 422, body: '{"detail":[{"msg":"too long"}]}', message: 'too long', retry: false },
    { status: 429, body: openAI('slow down'), message: 'slow down', retry: true },
    { status: 500, body: 'stack\n trace', message: /answered 500 .*: stack trace$/, retry: true },
    { status: 502, body: page, message: /answered 502 .*: 502 Bad Gateway$/, retry: true },
    { status: 503, body: '<p>', message: /answered 503 Service Unavailable$/, retry: true },
    { status: 529, body: openAI('overloaded'), message: 'overloaded', retry: true },
  ])(
    'an HTTP error of status $status reports $message',
    async ({ status, body, message, retry }) => {
      const { baseUrl } = await upstream((response) => {
        response.writeHead(status, { 'retry-after': '7' }).end(body)
      })
      const failure = await failureOf(baseUrl)
      expect(failure.message).toMatch(message)
      expect(failure).toMatchObject({
        url: `${baseUrl}/chat/completions`,
        statusCode: status,
        isRetryable: retry,
        responseHeaders: { 'retry-after': '7' },
        responseBody: body,
        requestBodyValues: { model: 'm1' },
      })
    },
  )

  test('a long error body is read only in part', async () => {
    let isClosed = false
    const { baseUrl } = await upstream((response) => {
      response.once('close', () => (isClosed = true))
      response.writeHead(500)
      const write = () => {
        while (response.write('x'.repeat(64 * 1024)));
        response.once('drain', write)
      }
      write()
    })
    const failure = await failureOf(baseUrl)
    expect(failure.responseBody?.length).toBeLessThan(256 * 1024)
    expect(failure.message.length).toBeLessThan(500)
    await until(5000, 'the connection is cut', () => isClosed)
  })

  test('an HTTP error is reported if its body breaks off', async () => {
    const { baseUrl } = await rawUpstream((socket) => {
      socket.end('HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\nout of ')
    })
    const failure = await failureOf(baseUrl)
    expect(failure).toMatchObject({ statusCode: 500, isRetryable: true })
    expect(failure.message).toMatch(/answered 500 Oops: out of$/)
  })

  test('a redirect is not followed and its target is named', async () => {
    let isAsked = false
    const target = await upstream(() => (isAsked = true))
    const { baseUrl } = await upstream((response) => {
      response.writeHead(308, { location: `${target.baseUrl}/?secret` }).end()
    })
    const failure = await failureOf(baseUrl)
    expect(failure.message).toMatch(/redirects to 127.0.0.1:\d+: not followed/)
    expect(failure).toMatchObject({ statusCode: 308, isRetryable: false })
    expect(isAsked).toBe(false)
  })
})

describe('a good status without an answer', () => {
  test.each([
    { body: openAI('no credit'), message: 'no credit', retry: true },
    { body: '{"error":{"message":"slow","code":429}}', message: 'slow', retry: true },
    { body: '{"error":{"message":"no","code":"invalid_key"}}', message: 'no', retry: false },
    { body: ' \n{"choices":[]}', message: /application\/json instead of an event/, retry: false },
    { body: page, message: /instead of an event stream: 502 Bad Gateway/, retry: false },
    { body: '', message: /before it said anything/, retry: true },
    { body: ': wait\n\n', message: /before it said anything/, retry: true },
  ])('a good status without an answer reports $message', async ({ body, message, retry }) => {
    const { baseUrl } = await upstream((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    })
    const failure = await failureOf(baseUrl)
    expect(failure.message).toMatch(message)
    expect(failure.isRetryable).toBe(retry)
  })

  test('an unreadable compression is reported', async () => {
    const { baseUrl } = await upstream((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('...')
    })
    expect((await failureOf(baseUrl)).message).toMatch(
      /answered in the content encoding gzip, which Loom cannot read/,
    )
  })
})

describe('a connection', () => {
  test('a refused connection may be retried', async () => {
    const baseUrl = await unusedAddress()
    const failure = await failureOf(baseUrl)
    expect(failure.message).toMatch(/^Cannot reach 127.0.0.1:\d+: .*ECONNREFUSED/)
    expect(failure).toMatchObject({ isRetryable: true, cause: { code: 'ECONNREFUSED' } })
  })

  test('a name that does not exist may be retried', async () => {
    const failure = await failureOf('http://nobody.invalid/v1')
    expect(failure.message).toMatch(/^Cannot reach nobody.invalid: .*(ENOTFOUND|EAI_AGAIN)/)
    expect(failure.isRetryable).toBe(true)
  })

  test('an invalid header is not retried and the key stays secret', async () => {
    const model = openAICompatible({
      provider: 'test',
      modelId: 'm1',
      baseUrl: 'http://127.0.0.1:1',
      apiKey: 'sk-1\n',
    })
    const { failure } = await collectParts(model, hello)
    expect(failure).toMatchObject({ name: 'AI_APICallError', isRetryable: false })
    expect(String(failure)).not.toContain('sk-1')
  })

  test.each([
    { name: 'before the headers', bytes: '' },
    { name: 'after the headers', bytes: 'HTTP/1.1 200 OK\r\n\r\n' },
    { name: 'in the first event', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\ndata: {' },
  ])('a connection that is reset $name may be retried', async ({ bytes }) => {
    const { baseUrl } = await rawUpstream((socket) => {
      socket.write(bytes, () => socket.resetAndDestroy())
    })
    const failure = await failureOf(baseUrl)
    expect(failure.isRetryable).toBe(true)
  })

  const chunked = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n`

  test('a connection closed in the middle is an error part', async () => {
    const { baseUrl } = await rawUpstream((socket) => void socket.end(chunked))
    for (const collect of [collectParts, collectStream]) {
      const { parts, failure } = await collect(modelAt(baseUrl), hello)
      expect(failure).toBeUndefined()
      expect(parts.slice(2)).toMatchObject([
        { type: 'text-start' },
        { type: 'text-delta', delta: 'Hel' },
        { type: 'text-end' },
        {
          type: 'error',
          error: {
            name: 'AI_APICallError',
            message: expect.stringContaining('broke in mid-answer'),
            isRetryable: true,
          },
        },
        { type: 'finish', finishReason: { unified: 'error' } },
      ])
    }
  })

  test('a reset in the middle drops the open tool call', async () => {
    const call = delta({
      tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{' } }],
    })
    const { baseUrl } = await upstream((response, request) => {
      eventStream(response).write(call, () => {
        setImmediate(() => request.socket.resetAndDestroy())
      })
    })
    const { parts, failure } = await collectParts(modelAt(baseUrl), hello)
    // A reset may arrive before the bytes that were sent first. Then there was no answer.
    if (failure !== undefined) expect(failure).toMatchObject({ isRetryable: true })
    else expect(parts.slice(-2)).toMatchObject([{ type: 'error' }, { type: 'finish' }])
    expect(parts.map((part) => part.type)).not.toContain('tool-call')
  })

  test('a failure during a slow receiver is reported after it', async () => {
    let hasEnded = false
    const { baseUrl } = await rawUpstream(
      (socket) => void socket.end(chunked, () => (hasEnded = true)),
    )
    const events: string[] = []
    await modelAt(baseUrl)[streamParts](hello, async (parts) => {
      events.push(`takes ${parts.at(-1)?.type}`)
      await until(5000, 'the server has ended', () => hasEnded)
      events.push('done')
    })
    expect(events).toEqual(['takes text-delta', 'done', 'takes finish', 'done'])
  })
})

describe('an abort', () => {
  test('an abort before the call sends nothing', async () => {
    let isAsked = false
    const { baseUrl } = await upstream(() => (isAsked = true))
    const abortSignal = AbortSignal.abort(new Error('changed my mind'))
    for (const collect of [collectParts, collectStream]) {
      const { failure } = await collect(modelAt(baseUrl), { ...hello, abortSignal })
      expect(failure).toBe(abortSignal.reason)
    }
    expect(isAsked).toBe(false)
  })

  test.each([
    { door: 'direct', collect: collectParts },
    { door: 'stream', collect: collectStream },
  ])('an abort before the headers reaches caller and server: $door', async ({ collect }) => {
    let [isAsked, isClosed] = [false, false]
    const { baseUrl } = await upstream((response) => {
      isAsked = true
      response.once('close', () => (isClosed = true))
    })
    const abort = new AbortController()
    const collected = collect(modelAt(baseUrl), { ...hello, abortSignal: abort.signal })
    await until(5000, 'the server is asked', () => isAsked)
    abort.abort()
    expect((await collected).failure).toMatchObject({ name: 'AbortError' })
    await until(5000, 'the server sees the end', () => isClosed)
  })

  test.each([
    { door: 'direct', collect: collectParts },
    { door: 'stream', collect: collectStream },
  ])('an abort in the middle reaches caller and server: $door', async ({ collect }) => {
    let [isAsked, isClosed] = [false, false]
    const { baseUrl } = await upstream((response) => {
      response.once('close', () => (isClosed = true))
      eventStream(response).write(text, () => (isAsked = true))
    })
    const abort = new AbortController()
    const reason = new Error('enough')
    const collected = collect(modelAt(baseUrl), { ...hello, abortSignal: abort.signal })
    await until(5000, 'the server has begun', () => isAsked)
    abort.abort(reason)
    expect((await collected).failure).toBe(reason)
    await until(5000, 'the server sees the end', () => isClosed)
  })

  test('an abort rejects although the receiver is busy', async () => {
    const { baseUrl } = await upstream((response) => void eventStream(response).end(text + done))
    const abort = new AbortController()
    const call = modelAt(baseUrl)[streamParts]({ ...hello, abortSignal: abort.signal }, () => {
      abort.abort()
      return new Promise<void>(() => {})
    })
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  })
})
