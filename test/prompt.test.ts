/**
 * The prompt conversion compared with the AI SDK's over a mock model, wherever the AI SDK returns a
 * prompt. Each difference of Loom's has a case of its own here.
 */
import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { generateText, type ModelMessage, streamText } from 'ai'
import { MockLanguageModelV4 } from 'ai/test'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'

import { LoomError } from '../src/ground/error.ts'
import { toPrompt } from '../src/model/prompt.ts'
import { anyHistory, call, conversation, jpeg, pdf, png, result } from './conversations.ts'

beforeAll(() => {
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })
})

const noAnswer = 'No result: the call was not answered.'

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
}
const finishReason = { unified: 'stop', raw: 'stop' } as const

/** The prompt that `generateText` sends to a model with support for every URL. */
async function promptOfAiSdk(
  messages: ModelMessage[],
  system?: string,
): Promise<LanguageModelV4Prompt> {
  const model = new MockLanguageModelV4({
    supportedUrls: { '*': [/.*/] },
    doGenerate: async () => ({
      content: [{ type: 'text', text: 'ok' }],
      finishReason,
      usage,
      warnings: [],
    }),
  })
  await generateText({
    model,
    messages,
    allowSystemInMessages: true,
    ...(system !== undefined && { instructions: system }),
  })
  return model.doGenerateCalls[0]?.prompt ?? []
}

/** Buffers count as bytes, and `image` as `image/*`: the provider specification treats them as equal. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (value instanceof URL) return { url: value.href }
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [
        key,
        key === 'mediaType' && typeof inner === 'string' && !inner.includes('/')
          ? `${inner}/*`
          : comparable(inner),
      ]),
  )
}

const cached = { anthropic: { cacheControl: { type: 'ephemeral' } } }

const alike: Record<string, ModelMessage[]> = {
  strings: [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
    { role: 'user', content: 'Bye', providerOptions: cached },
  ],
  'system messages in between': [
    { role: 'system', content: 'Be brief.', providerOptions: cached },
    { role: 'user', content: 'Hi' },
    { role: 'system', content: 'Be long.' },
  ],
  'text and empty text': [
    {
      role: 'user',
      content: [
        { type: 'text', text: '' },
        { type: 'text', text: 'Hi' },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: '' },
        { type: 'text', text: 'Yes' },
      ],
    },
    {
      role: 'assistant',
      content: [{ type: 'text', text: '', providerOptions: { google: { thoughtSignature: 'x' } } }],
    },
    { role: 'user', content: [{ type: 'text', text: 'Go on', providerOptions: cached }] },
  ],
  'images of every form': [
    {
      role: 'user',
      content: [
        { type: 'image', image: png },
        { type: 'image', image: new Uint8Array(jpeg) },
        { type: 'image', image: new Uint8Array(png).buffer },
        { type: 'image', image: png.toString('base64') },
        { type: 'image', image: `data:image/png;base64,${png.toString('base64')}` },
        { type: 'image', image: new URL(`data:image/png;base64,${png.toString('base64')}`) },
        { type: 'image', image: 'https://example.com/cat.png' },
        { type: 'image', image: 'https://EXAMPLE.com/cat.png' },
        { type: 'image', image: new URL('https://example.com/cat'), mediaType: 'image/webp' },
        { type: 'image', image: png, mediaType: 'image/jpeg', providerOptions: cached },
        { type: 'image', image: { openai: 'file-1' } },
      ],
    },
  ],
  'files of every form': [
    {
      role: 'user',
      content: [
        { type: 'file', data: pdf, mediaType: 'application/pdf', filename: 'a.pdf' },
        { type: 'file', data: pdf.toString('base64'), mediaType: 'application/pdf' },
        { type: 'file', data: { type: 'data', data: pdf }, mediaType: 'application/pdf' },
        { type: 'file', data: { type: 'text', text: 'Hello' }, mediaType: 'text/plain' },
        {
          type: 'file',
          data: { type: 'url', url: new URL('https://example.com/a.pdf') },
          mediaType: 'application/pdf',
        },
        {
          type: 'file',
          data: { type: 'reference', reference: { openai: 'file-1' } },
          mediaType: 'application/pdf',
        },
        { type: 'file', data: 'gs://bucket/a.mp4', mediaType: 'video/mp4' },
        { type: 'file', data: 'data:text/plain;charset=utf-8;base64,SGk=', mediaType: 'a/b' },
        { type: 'file', data: png, mediaType: 'application/octet-stream' },
        { type: 'file', data: png, mediaType: 'image' },
      ],
    },
  ],
  'all parts of an assistant message': [
    { role: 'user', content: 'Hi' },
    {
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'Hm', providerOptions: { anthropic: { signature: 's' } } },
        { type: 'reasoning', text: '', providerOptions: { openai: { itemId: 'rs_1' } } },
        { type: 'reasoning-file', data: png, mediaType: 'image/png' },
        { type: 'custom', kind: 'openai.compaction', providerOptions: { openai: { id: 'c' } } },
        { type: 'file', data: png.toString('base64'), mediaType: 'image/png', filename: 'p.png' },
        { type: 'text', text: 'Here' },
      ],
      providerOptions: cached,
    },
  ],
  'calls and results': [
    { role: 'user', content: 'Time?' },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'Let me see' },
        call('1', { providerOptions: cached }),
        call('2'),
      ],
    },
    { role: 'tool', content: [result('2'), result('1')] },
    { role: 'assistant', content: [call('3')] },
    { role: 'tool', content: [result('3')], providerOptions: cached },
    { role: 'assistant', content: 'Noon' },
  ],
  'tool messages that follow each other': [
    { role: 'user', content: 'Time?' },
    { role: 'assistant', content: [call('1'), call('2'), call('3')] },
    { role: 'tool', content: [result('1')], providerOptions: cached },
    { role: 'tool', content: [{ ...result('2'), providerOptions: { a: { b: 1 } } }] },
    { role: 'tool', content: [result('3')], providerOptions: { a: { c: 2 } } },
  ],
  'the same id in two steps': [
    { role: 'user', content: 'Time?' },
    { role: 'assistant', content: [call('call_0')] },
    { role: 'tool', content: [result('call_0', 'noon')] },
    { role: 'assistant', content: [call('call_0')] },
    { role: 'tool', content: [result('call_0', 'one')] },
  ],
  'outputs of every type': [
    { role: 'user', content: 'Go' },
    { role: 'assistant', content: ['a', 'b', 'c', 'd', 'e'].map((id) => call(id)) },
    {
      role: 'tool',
      content: [
        { ...result('a'), output: { type: 'json', value: { deep: [1, null] } } },
        { ...result('b'), output: { type: 'error-text', value: 'no', providerOptions: cached } },
        { ...result('c'), output: { type: 'error-json', value: { code: 1 } } },
        { ...result('d'), output: { type: 'execution-denied', reason: 'Not now' } },
        {
          ...result('e'),
          output: {
            type: 'content',
            value: [
              { type: 'text', text: 'See', providerOptions: cached },
              { type: 'file', data: { type: 'data', data: png }, mediaType: 'image/png' },
              { type: 'file-data', data: 'JVBERi0=', mediaType: 'application/pdf', filename: 'a' },
              { type: 'file-url', url: 'https://example.com/a.pdf' },
              { type: 'file-url', url: 'https://example.com/a', mediaType: 'text/csv' },
              { type: 'file-url', url: 'https://example.com/a' },
              { type: 'file-id', fileId: { openai: 'file-1' } },
              { type: 'file-reference', providerReference: { openai: 'file-1' } },
              { type: 'image-data', data: png.toString('base64'), mediaType: 'image/png' },
              { type: 'image-url', url: 'https://example.com/cat' },
              { type: 'image-file-id', fileId: { openai: 'file-1' } },
              { type: 'image-file-reference', providerReference: { openai: 'file-1' } },
              { type: 'custom', providerOptions: cached },
            ],
          },
        },
      ],
    },
  ],
  "calls of the provider's own": [
    { role: 'user', content: 'Search' },
    {
      role: 'assistant',
      content: [
        call('p', { providerExecuted: true }),
        result('p'),
        call('q', { providerExecuted: true }),
        { type: 'text', text: 'Found' },
      ],
    },
    { role: 'user', content: 'And?' },
    { role: 'assistant', content: [result('q'), { type: 'text', text: 'Later' }] },
  ],
  "approvals of the provider's calls": [
    { role: 'user', content: 'Search' },
    {
      role: 'assistant',
      content: [
        call('p', { providerExecuted: true }),
        { type: 'tool-approval-request', approvalId: 'ap', toolCallId: 'p' },
      ],
    },
    {
      role: 'tool',
      content: [
        {
          type: 'tool-approval-response',
          approvalId: 'ap',
          approved: true,
          reason: 'Fine',
          providerExecuted: true,
        },
      ],
    },
  ],
  'a denied call of ours': [
    { role: 'user', content: 'Delete' },
    {
      role: 'assistant',
      content: [call('1'), { type: 'tool-approval-request', approvalId: 'a1', toolCallId: '1' }],
    },
    {
      role: 'tool',
      content: [
        { type: 'tool-approval-response', approvalId: 'a1', approved: false, reason: 'No' },
      ],
    },
  ],
}

describe('a prompt of `toPrompt` and of the AI SDK', () => {
  for (const [name, messages] of Object.entries(alike)) {
    it(`the prompts are equal: ${name}`, async () => {
      const before = comparable(messages)
      const ours = toPrompt(messages, 'You are terse.')
      expect(comparable(ours)).toEqual(comparable(await promptOfAiSdk(messages, 'You are terse.')))
      expect(comparable(messages)).toEqual(before)
    })
  }

  it('the prompts are equal if the AI SDK streams', async () => {
    const messages = alike['calls and results'] ?? []
    const model = new MockLanguageModelV4({
      doStream: async () => ({
        stream: new ReadableStream({
          start(controller) {
            controller.enqueue({ type: 'finish', usage, finishReason })
            controller.close()
          },
        }),
      }),
    })
    await streamText({ model, messages }).consumeStream()
    expect(comparable(model.doStreamCalls[0]?.prompt)).toEqual(
      comparable(toPrompt(messages, undefined)),
    )
  })

  it('the prompts of any valid conversation are equal', async () => {
    await fc.assert(
      fc.asyncProperty(
        conversation,
        fc.option(fc.string({ minLength: 1 })),
        async (messages, system) => {
          const ours = toPrompt(messages, system ?? undefined)
          expect(comparable(ours)).toEqual(
            comparable(await promptOfAiSdk(messages, system ?? undefined)),
          )
        },
      ),
      { numRuns: 200 },
    )
  }, 180_000)
})

describe('intended differences of `toPrompt` from the AI SDK', () => {
  it('a call without a result gets one', () => {
    const prompt = toPrompt(
      [
        { role: 'user', content: 'Time?' },
        { role: 'assistant', content: [call('1'), call('2')] },
        { role: 'tool', content: [result('2')] },
        { role: 'user', content: 'Well?' },
      ],
      undefined,
    )
    expect(prompt.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'user'])
    expect(prompt[2]?.content).toEqual([
      result('2'),
      { ...result('1'), output: { type: 'error-text', value: noAnswer } },
    ])
  })

  it('results without a call are left out', () => {
    const prompt = toPrompt(
      [
        { role: 'tool', content: [result('1')] },
        { role: 'assistant', content: [result('2'), { type: 'text', text: 'Hi' }] },
        { role: 'assistant', content: [call('1')] },
        { role: 'tool', content: [result('1', 'first'), result('1', 'second')] },
      ],
      undefined,
    )
    expect(prompt).toEqual([
      { role: 'assistant', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', content: [call('1')] },
      { role: 'tool', content: [result('1', 'first')] },
    ])
  })

  it('a late result is directly after its call', () => {
    const prompt = toPrompt(
      [
        { role: 'assistant', content: [call('1')] },
        { role: 'user', content: 'Still there?' },
        { role: 'assistant', content: 'Yes' },
        { role: 'tool', content: [result('1')] },
      ],
      undefined,
    )
    expect(prompt.map(({ role }) => role)).toEqual(['assistant', 'tool', 'user', 'assistant'])
    expect(prompt[1]?.content).toEqual([result('1')])
  })

  it('a result in an assistant message moves to a tool message', () => {
    const prompt = toPrompt([{ role: 'assistant', content: [call('1'), result('1')] }], undefined)
    expect(prompt).toEqual([
      { role: 'assistant', content: [call('1')] },
      { role: 'tool', content: [result('1')] },
    ])
  })

  it('empty parts are left out', () => {
    const prompt = toPrompt(
      [
        { role: 'system', content: '' },
        { role: 'user', content: '' },
        { role: 'user', content: [] },
        { role: 'assistant', content: '' },
        { role: 'assistant', content: [{ type: 'text', text: '' }] },
        { role: 'tool', content: [] },
        { role: 'user', content: 'Hi' },
      ],
      '',
    )
    expect(prompt).toEqual([{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }])
  })

  it('approvals of own tools are left out, also with a result', () => {
    const prompt = toPrompt(
      [
        {
          role: 'assistant',
          content: [call('1'), { type: 'tool-approval-request', approvalId: 'a', toolCallId: '1' }],
        },
        {
          role: 'tool',
          content: [
            { type: 'tool-approval-response', approvalId: 'a', approved: false },
            result('1', 'refused'),
          ],
        },
      ],
      undefined,
    )
    expect(prompt[1]).toEqual({ role: 'tool', content: [result('1', 'refused')] })
  })

  it('a data: URL is read by RFC 2397', () => {
    const urls = {
      'data:text/csv,a%2Cb%FF': ['text/csv', Buffer.from('a,b\xff', 'latin1').toString('base64')],
      'data:;base64,SGk=': ['given/type', 'SGk='],
      'DATA:text/plain;base64,SGk%3D': ['text/plain', 'SGk='],
    }
    for (const [data, [mediaType, base64]] of Object.entries(urls)) {
      const [message] = toPrompt(
        [{ role: 'user', content: [{ type: 'file', data, mediaType: 'given/type' }] }],
        undefined,
      )
      expect(message?.content).toEqual([
        { type: 'file', mediaType, data: { type: 'data', data: base64 } },
      ])
    }
  })

  it('a history that was stored as JSON is read', () => {
    const messages: ModelMessage[] = [
      {
        role: 'user',
        content: [
          {
            type: 'file',
            data: { type: 'url', url: new URL('https://example.com/a.pdf') },
            mediaType: 'application/pdf',
          },
        ],
      },
    ]
    const stored: ModelMessage[] = JSON.parse(JSON.stringify(messages))
    expect(comparable(toPrompt(stored, undefined))).toEqual(
      comparable(toPrompt(messages, undefined)),
    )
  })

  it('media of ai 5 are read', () => {
    const stored: ModelMessage[] = JSON.parse(
      JSON.stringify([
        { role: 'assistant', content: [call('1')] },
        {
          role: 'tool',
          content: [
            {
              ...result('1'),
              output: {
                type: 'content',
                value: [{ type: 'media', data: png.toString('base64'), mediaType: 'image/jpeg' }],
              },
            },
          ],
        },
      ]),
    )
    expect(toPrompt(stored, undefined)[1]?.content).toEqual([
      {
        ...result('1'),
        output: {
          type: 'content',
          value: [
            {
              type: 'file',
              mediaType: 'image/png',
              data: { type: 'data', data: png.toString('base64') },
            },
          ],
        },
      },
    ])
  })
})

describe('toPrompt', () => {
  it('calls and results are paired in any conversation', () => {
    fc.assert(
      fc.property(anyHistory, (messages) => {
        const prompt = toPrompt(messages, undefined)
        for (const [index, message] of prompt.entries()) {
          expect(message.content.length).toBeGreaterThan(0)
          const before = prompt[index - 1]
          if (message.role === 'assistant') {
            const calls = callIds(message)
            expect(resultIds(prompt[index + 1])).toEqual(calls.sort())
          }
          if (message.role === 'tool') expect(before?.role).toBe('assistant')
        }
        // A second conversion changes nothing.
        const again: ModelMessage[] = JSON.parse(JSON.stringify(prompt))
        expect(toPrompt(again, undefined)).toEqual(prompt)
      }),
      { numRuns: 500 },
    )
  })

  it('an error names the message and the reason', () => {
    const wrong: [unknown, string][] = [
      [null, 'must be an object'],
      [{ role: 'robot', content: 'Hi' }, 'the role must be'],
      [{ role: 'system', content: [] }, '"content" must be a string'],
      [{ role: 'user', content: 7 }, '"content" must be an array of parts'],
      [{ role: 'user', content: [null] }, 'a part must be an object'],
      [{ role: 'user', content: [{ type: 'text' }] }, '"text" must be a string'],
      [{ role: 'user', content: [{ type: 'tool-call' }] }, 'no part of type "tool-call"'],
      [
        { role: 'user', content: [{ type: 'file', data: 'https://a.example/b' }] },
        'needs a "mediaType"',
      ],
      [{ role: 'user', content: [{ type: 'file', mediaType: 'a/b' }] }, 'a file needs "data"'],
      [{ role: 'user', content: [{ type: 'image', image: '' }] }, 'a file is empty'],
      [{ role: 'user', content: [{ type: 'image', image: 'http://' }] }, 'cannot be parsed'],
      [{ role: 'user', content: [{ type: 'image', image: 'data:x' }] }, 'without a comma'],
      [{ role: 'user', content: [{ type: 'image', image: { 0: 1 } }] }, 'of no known form'],
      [{ role: 'assistant', content: [{ type: 'source' }] }, 'no part of type "source"'],
      [{ role: 'assistant', content: [{ type: 'tool-call' }] }, '"toolCallId" must be a string'],
      [{ role: 'tool', content: 'noon' }, '"content" must be an array of parts'],
      [{ role: 'tool', content: [{ ...result('1'), output: 'noon' }] }, 'needs "output"'],
      [{ role: 'tool', content: [{ ...result('1'), output: { type: 'x' } }] }, 'of type "x"'],
      [
        {
          role: 'tool',
          content: [
            {
              ...result('1'),
              output: { type: 'content', value: [{ type: 'file-id', fileId: 'file-1' }] },
            },
          ],
        },
        'must say its provider',
      ],
    ]
    for (const [message, reason] of wrong) {
      const messages = JSON.parse(JSON.stringify([{ role: 'user', content: 'Hi' }, message]))
      const error = caught(() => toPrompt(messages, undefined))
      expect(error).toBeInstanceOf(LoomError)
      expect(error).toMatchObject({ code: 'invalid-request' })
      expect(String(error)).toContain('Message 1: ')
      expect(String(error)).toContain(reason)
    }
  })

  it('a history of 100,000 messages is converted quickly', () => {
    const messages = Array.from({ length: 25_000 }, (_, turn): ModelMessage[] => [
      { role: 'user', content: `Time ${turn}?` },
      // Every second call stays without a result, so that many are open at once.
      { role: 'assistant', content: [call(`call-${turn}`)] },
      { role: 'tool', content: turn % 2 === 0 ? [result(`call-${turn}`)] : [] },
      { role: 'assistant', content: 'Noon' },
    ]).flat()
    const started = performance.now()
    expect(toPrompt(messages, 'Be brief.')).toHaveLength(100_001)
    // It takes some 100 ms. A quadratic algorithm would take minutes.
    expect(performance.now() - started).toBeLessThan(10_000)
  }, 180_000)
})

function caught(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

function callIds(message: LanguageModelV4Prompt[number]): string[] {
  if (message.role !== 'assistant') return []
  return message.content.flatMap((part) =>
    part.type === 'tool-call' && part.providerExecuted !== true ? [part.toolCallId] : [],
  )
}

function resultIds(message: LanguageModelV4Prompt[number] | undefined): string[] {
  if (message?.role !== 'tool') return []
  return message.content
    .flatMap((part) => (part.type === 'tool-result' ? [part.toolCallId] : []))
    .sort()
}
