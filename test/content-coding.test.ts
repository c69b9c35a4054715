/** Bodies that are compressed although the request asked for none, and headers that are wrong. */
import type { ServerResponse } from 'node:http'
import * as zlib from 'node:zlib'

import { describe, expect, test } from 'vitest'

import { openAICompatible } from '../src/model/openai-compatible.ts'
import type { Transport } from '../src/model/openai-compatible/transport.ts'
import { hello, loomModel } from './fixtures/byte-transport.ts'
import { delta, done } from './fixtures/chat-streams.ts'
import { collectParts } from './fixtures/collected-parts.ts'
import { upstream, writeAlone } from './fixtures/upstream.ts'

const pieces = [delta({ content: 'Hel' }), delta({ content: 'lo' }), delta({}, 'stop'), done]
const body = pieces.join('')

async function answerOf(answer: (response: ServerResponse) => void) {
  const { baseUrl } = await upstream((response) => answer(response))
  const model = openAICompatible({ provider: 'test', modelId: 'm1', baseUrl })
  const { parts, failure } = await collectParts(model, hello)
  const text = parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('')
  const isWhole = !parts.some(({ type }) => type === 'error')
  return { text, isWhole, failure }
}

const whole = { text: 'Hello', isWhole: true, failure: undefined }

describe('the content encoding', () => {
  const coded: [string, string | Uint8Array][] = [
    ['none', body],
    ['identity', body],
    ['Identity', body],
    ['utf-8', body],
    ['', body],
    ['gzip', zlib.gzipSync(body)],
    ['x-gzip', zlib.gzipSync(body)],
    ['GZIP', zlib.gzipSync(body)],
    ['deflate', zlib.deflateSync(body)],
    ['deflate', zlib.deflateRawSync(body)],
    ['br', zlib.brotliCompressSync(body)],
    ['zstd', zlib.zstdCompressSync(body)],
    ['gzip, br', zlib.brotliCompressSync(zlib.gzipSync(body))],
    // A proxy that decodes the body and keeps the header, and one that does the opposite.
    ['gzip', body],
    ['br', body],
    ['deflate', body],
    ['none', zlib.gzipSync(body)],
  ]

  test.each(coded)('a body in %s is read', async (encoding, bytes) => {
    const answer = await answerOf((response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(bytes)
    })
    expect(answer).toEqual(whole)
  })

  test.each(coded)('a body in %s is read byte by byte', async (encoding, bytes) => {
    const transport: Transport = async (_request, receiver) => {
      receiver.head({ status: 200, statusText: 'OK', headers: { 'content-encoding': encoding } })
      for (const byte of Buffer.from(bytes)) await receiver.data(Uint8Array.of(byte))
    }
    const { parts } = await collectParts(loomModel([], { transport }), hello)
    const text = parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('')
    expect(text).toBe('Hello')
  })

  test('a body in compress is refused', async () => {
    const { failure } = await answerOf((response) => {
      response.writeHead(200, { 'content-encoding': 'compress' }).end('...')
    })
    expect(String(failure)).toMatch(/content encoding compress, which Loom cannot read/)
  })
})

test('a compressed stream is read as it arrives', async () => {
  const { baseUrl } = await upstream((response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    const gzip = zlib.createGzip()
    gzip.pipe(response)
    // The rest does not arrive.
    gzip.write(delta({ content: 'Hel' }))
    gzip.flush()
  })
  const model = openAICompatible({ provider: 'test', modelId: 'm1', baseUrl })
  const { stream } = await model.doStream(hello)
  const types: string[] = []
  for await (const part of stream) {
    types.push(part.type)
    if (part.type === 'text-delta') break
  }
  expect(types).toContain('text-delta')
})

const coders = {
  gzip: () => zlib.createGzip(),
  br: () => zlib.createBrotliCompress(),
  zstd: () => zlib.createZstdCompress(),
  deflate: () => zlib.createDeflate(),
}

test.each(Object.entries(coders))(
  'an answer in %s with a finish reason survives a broken connection',
  async (encoding, open) => {
    const coder = open()
    const answer = await answerOf((response) => {
      response.writeHead(200, { 'content-encoding': encoding })
      coder.pipe(response)
      coder.write(pieces.slice(0, 3).join(''))
      coder.flush(() => setImmediate(() => response.destroy()))
    })
    expect(answer).toEqual(whole)
  },
)

test('a short body is read under any header', async () => {
  const { failure } = await answerOf((response) => {
    response.writeHead(500, { 'content-encoding': 'gzip' }).end('down')
  })
  expect(String(failure)).toMatch(/content encoding gzip|: down/)
})

test('an error in a compressed body is reported', async () => {
  const { failure } = await answerOf((response) => {
    const error = JSON.stringify({ error: { message: 'slow down' } })
    response.writeHead(429, { 'content-encoding': 'gzip' }).end(zlib.gzipSync(error))
  })
  expect(failure).toMatchObject({ message: 'slow down', statusCode: 429, isRetryable: true })
})

test('a whole JSON answer is read in pieces from an open connection', async () => {
  const answer = await answerOf((response) => {
    const json = JSON.stringify({
      choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }],
    })
    const write = async () => {
      response.writeHead(200, { 'content-type': 'application/json' })
      await writeAlone(response, json.slice(0, 20))
      response.end(json.slice(20))
    }
    write().catch(() => response.destroy())
  })
  expect(answer).toEqual(whole)
})

test('JSON that breaks off may be retried', async () => {
  for (const end of [(r: ServerResponse) => r.end(), (r: ServerResponse) => r.destroy()]) {
    const { failure } = await answerOf((response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      writeAlone(response, '{"choices":[{"message":{"content":"Hel').then(
        () => end(response),
        () => response.destroy(),
      )
    })
    expect(failure).toMatchObject({ name: 'AI_APICallError', isRetryable: true })
  }
})
