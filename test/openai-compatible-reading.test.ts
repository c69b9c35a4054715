/** Streams outside every standard that the chat-completions client reads. */
import { isDeepStrictEqual } from 'node:util'

import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'

import { hello, loomModel, stockModel } from './fixtures/byte-transport.ts'
import { delta, done, event } from './fixtures/chat-streams.ts'
import { collectParts, collectStream } from './fixtures/collected-parts.ts'
import type { Collected } from './fixtures/collected-parts.ts'
import { oddStreams } from './fixtures/odd-streams.ts'
import type { OddStream } from './fixtures/odd-streams.ts'

const encode = (text: string) => new TextEncoder().encode(text)

async function readIn(...pieces: readonly Uint8Array[]): Promise<Collected> {
  return collectParts(loomModel(pieces), hello)
}

type Part = LanguageModelV4StreamPart

const textIn = (parts: readonly Part[], type: 'text-delta' | 'reasoning-delta') =>
  parts.map((part) => (part.type === type ? part.delta : '')).join('')

const callsIn = (parts: readonly Part[]) =>
  parts.flatMap((part) =>
    part.type === 'tool-call' ? [[part.toolName, JSON.parse(part.input)]] : [],
  )

function answerOf({ parts, failure }: Collected) {
  const finish = parts.at(-1)
  return {
    failure,
    errors: parts.filter((part) => part.type === 'error'),
    text: textIn(parts, 'text-delta'),
    reasoning: textIn(parts, 'reasoning-delta'),
    calls: callsIn(parts),
    reason: finish?.type === 'finish' ? finish.finishReason.unified : undefined,
  }
}

function expected({ text = '', reasoning = '', calls = [], reason }: OddStream) {
  const usual = calls.length > 0 ? 'tool-calls' : 'stop'
  return { failure: undefined, errors: [], text, reasoning, calls, reason: reason ?? usual }
}

describe.each(Object.entries(oddStreams))('%s', (name, stream) => {
  test('the answer is read', async () => {
    expect(answerOf(await readIn(encode(stream.wire)))).toEqual(expected(stream))
  })

  test('the answer is the same wherever the bytes are cut', async () => {
    const bytes = encode(stream.wire)
    for (let cut = 1; cut < bytes.length; cut += 7) {
      const answer = answerOf(await readIn(bytes.subarray(0, cut), bytes.subarray(cut)))
      expect(answer, `${name}, cut at ${cut}`).toEqual(expected(stream))
    }
  })
})

test('the stock client reads less in the listed cases only', async () => {
  const alike: string[] = []
  for (const [name, stream] of Object.entries(oddStreams)) {
    const bytes = [encode(stream.wire)]
    const theirs = await collectStream(stockModel(bytes), hello)
    // The stock client may not even return JSON arguments.
    const isJson = theirs.parts.every((part) => part.type !== 'tool-call' || parses(part.input))
    if (isJson && isDeepStrictEqual(answerOf(theirs), expected(stream))) alike.push(name)
  }
  // All others are the intended differences.
  expect(alike).toEqual([
    'the status of MiniMax in each chunk',
    'the whole message again at the end',
    'calls with the reason stop',
    'a finish reason that is empty or "null" in each delta',
    'a finish reason in each delta',
    "Gemini's FINISH_REASON_UNSPECIFIED in each delta",
    'an unknown finish reason',
  ])
})

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('an answer whose finish reason means a failure', () => {
  const failures = [
    'error',
    'network_error',
    'abort',
    'aborted',
    'insufficient_system_resource',
    'server_error',
    'ERROR',
    'upstream_timeout',
    'function_call_filter: MALFORMED_FUNCTION_CALL',
  ]
  test.each(failures)('a finish reason of a failure may be retried: %s', async (reason) => {
    const call = { index: 0, id: 'a', function: { name: 'read', arguments: '{}' } }
    const wire = delta({ content: 'Half', tool_calls: [call] }) + delta({}, reason) + done
    const { parts } = await readIn(encode(wire))
    expect(parts.find((part) => part.type === 'error')).toMatchObject({
      error: { name: 'AI_APICallError', isRetryable: true },
    })
    expect(parts.at(-1)).toMatchObject({ finishReason: { unified: 'error', raw: reason } })
    expect(textIn(parts, 'text-delta')).toBe('Half')
  })
})

describe('an error that a provider reports', () => {
  test.each([
    [event({ error: { message: 'slow down', code: 429 } }), 'slow down'],
    [
      event({ choices: [{ error: { message: 'gone', code: 502 }, finish_reason: 'error' }] }),
      'gone',
    ],
    [event({ object: 'error', message: 'no room', code: 500 }), 'no room'],
    [event({ error_code: 336_100, error_msg: 'try later' }), 'try later'],
    [event({ base_resp: { status_code: 1002, status_msg: 'rate limit' } }), 'rate limit'],
    ['{"error":{"message":"a line of JSON in the stream"}}\n\n', 'a line of JSON in the stream'],
  ])('a reported error wins over a finish reason: %s', async (wire, message) => {
    for (const stream of [delta({ content: 'x' }) + wire, delta({ content: 'x' }, 'stop') + wire]) {
      const { parts } = await readIn(encode(stream + done))
      expect(parts.find((part) => part.type === 'error')).toMatchObject({ error: { message } })
    }
  })
})

describe('a call that was cut off', () => {
  const call = (text: string) =>
    delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'read', arguments: text } }] })

  test.each(['length', 'max_tokens', 'content_filter', '', null])(
    'a cut-off call without whole arguments is dropped: %s',
    async (reason) => {
      for (const text of ['', ' ', '{}', '{', '{"path":"a', '[1', '7']) {
        const { parts } = await readIn(encode(call(text) + delta({}, reason) + done))
        expect(callsIn(parts), text).toEqual([])
      }
    },
  )

  test('a cut-off call with whole arguments is returned', async () => {
    const { parts } = await readIn(encode(call('{"path":"a"}') + delta({}, 'length') + done))
    expect(callsIn(parts)).toEqual([['read', { path: 'a' }]])
  })

  test('a call without arguments in a complete answer is returned', async () => {
    const { parts } = await readIn(encode(call('') + delta({}, 'tool_calls') + done))
    expect(parts.find((part) => part.type === 'tool-call')).toMatchObject({ input: '' })
  })
})

test('token counts of Moonshot and Groq and counts as texts are read', async () => {
  const usage = { prompt_tokens: '9', completion_tokens: '5' }
  const reports = [
    event({ choices: [], usage }),
    event({ choices: [{ delta: {}, usage }] }),
    event({ choices: [], x_groq: { usage } }),
  ]
  for (const report of reports) {
    const { parts } = await readIn(encode(delta({ content: 'x' }, 'stop') + report + done))
    expect(parts.at(-1), report).toMatchObject({
      usage: { inputTokens: { total: 9 }, outputTokens: { total: 5 } },
    })
  }
})
