/** Models of provider specification 2 and 3 as models of 4: written by hand, and the mocks of ai 5 and 6. */
import type {
  LanguageModelV2,
  LanguageModelV2CallOptions,
  LanguageModelV2StreamPart,
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3StreamPart,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { MockLanguageModelV4 } from 'ai/test'
import { MockLanguageModelV2 } from 'ai5/test'
import { MockLanguageModelV3 } from 'ai6/test'
import { describe, expect, it } from 'vitest'

import { adaptModel } from '../src/model/adapt.ts'

/** The types of the mock's provider package. Loom's types are compatible. */
type PartOf<MODEL extends { doStream: (...call: never) => PromiseLike<{ stream: unknown }> }> =
  Awaited<ReturnType<MODEL['doStream']>>['stream'] extends ReadableStream<infer PART> ? PART : never

const png = 'iVBORw0KGgo='
const cached = { anthropic: { cacheControl: { type: 'ephemeral' } } }
const ask: LanguageModelV4CallOptions = { prompt: [{ role: 'user', content: [] }] }

/** A call with every part and option of specification 4. */
const everything: LanguageModelV4CallOptions = {
  temperature: 0.1,
  reasoning: 'high',
  headers: { 'x-trace': '1' },
  providerOptions: { openai: { user: 'u', nothing: undefined } },
  tools: [
    {
      type: 'function',
      name: 'clock',
      inputSchema: { type: 'object' },
      inputExamples: [{ input: {} }],
      strict: true,
      providerOptions: cached,
    },
    { type: 'provider', id: 'openai.search', name: 'search', args: { depth: 1 } },
  ],
  toolChoice: { type: 'auto' },
  prompt: [
    { role: 'system', content: 'Be brief.', providerOptions: cached },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Look', providerOptions: cached },
        { type: 'file', data: { type: 'data', data: png }, mediaType: 'image', filename: 'a.png' },
        {
          type: 'file',
          data: { type: 'url', url: new URL('https://example.com/a.pdf') },
          mediaType: 'application/pdf',
        },
        { type: 'file', data: { type: 'text', text: 'Grüße' }, mediaType: 'text' },
      ],
      providerOptions: cached,
    },
    {
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'Hm' },
        { type: 'reasoning-file', data: { type: 'data', data: png }, mediaType: 'image/png' },
        { type: 'custom', kind: 'openai.compaction' },
        { type: 'file', data: { type: 'data', data: png }, mediaType: 'image/png' },
        { type: 'tool-call', toolCallId: '1', toolName: 'clock', input: { zone: 'UTC' } },
        {
          type: 'tool-result',
          toolCallId: 'p',
          toolName: 'search',
          output: { type: 'json', value: [1], providerOptions: cached },
        },
      ],
    },
    { role: 'assistant', content: [{ type: 'custom', kind: 'openai.compaction' }] },
    {
      role: 'tool',
      content: [
        { type: 'tool-approval-response', approvalId: 'a', approved: true },
        {
          type: 'tool-result',
          toolCallId: '1',
          toolName: 'clock',
          output: {
            type: 'content',
            value: [
              { type: 'text', text: 'See' },
              { type: 'file', data: { type: 'data', data: png }, mediaType: 'image/png' },
              {
                type: 'file',
                data: { type: 'data', data: new Uint8Array([1, 2, 3]) },
                mediaType: 'application/pdf',
                filename: 'a.pdf',
              },
              {
                type: 'file',
                data: { type: 'url', url: new URL('https://example.com/cat') },
                mediaType: 'image',
              },
              {
                type: 'file',
                data: { type: 'url', url: new URL('https://example.com/a.csv') },
                mediaType: 'text/csv',
              },
              {
                type: 'file',
                data: { type: 'reference', reference: { openai: 'file-1' } },
                mediaType: 'application/pdf',
              },
              { type: 'file', data: { type: 'text', text: 'plain' }, mediaType: 'text/plain' },
              { type: 'custom', providerOptions: cached },
            ],
          },
        },
      ],
    },
    {
      role: 'tool',
      content: [
        {
          type: 'tool-result',
          toolCallId: '2',
          toolName: 'clock',
          output: { type: 'execution-denied', reason: 'Not now' },
        },
      ],
    },
    {
      role: 'tool',
      content: [{ type: 'tool-approval-response', approvalId: 'b', approved: true }],
    },
  ],
}

describe('a model of specification 4', () => {
  it('a model of specification 4 is used unchanged', () => {
    const model = new MockLanguageModelV4()
    expect(adaptModel(model)).toBe(model)
  })
})

describe('a model of specification 3', () => {
  const parts: PartOf<MockLanguageModelV3>[] = [
    { type: 'stream-start', warnings: [{ type: 'unsupported', feature: 'seed' }] },
    { type: 'text-start', id: 't' },
    { type: 'text-delta', id: 't', delta: 'Hi' },
    { type: 'text-end', id: 't' },
    { type: 'file', mediaType: 'image/png', data: png },
    { type: 'tool-call', toolCallId: '1', toolName: 'clock', input: '{}' },
    {
      type: 'finish',
      finishReason: { unified: 'stop', raw: 'end_turn' },
      usage: {
        inputTokens: { total: 3, noCache: 3, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 2, text: 2, reasoning: 0 },
      },
    },
  ]
  const expected = parts.map((part) =>
    part.type === 'file' ? { ...part, data: { type: 'data', data: png } } : part,
  )

  it('a model of specification 3 returns parts of specification 4', async () => {
    const model = adaptModel(handMadeV3(parts))
    expect(model).toMatchObject({ specificationVersion: 'v4', provider: 'old', modelId: 'three' })
    expect(model.supportedUrls).toEqual({ 'image/*': [/^https:/] })
    expect(await streamed(model, ask)).toEqual(expected)
  })

  it('a mock of ai 6 returns parts of specification 4', async () => {
    const mock = new MockLanguageModelV3({ doStream: async () => ({ stream: streamOf(parts) }) })
    expect(await streamed(adaptModel(mock), ask)).toEqual(expected)
  })

  it('a model of specification 3 returns content of specification 4', async () => {
    const result = await adaptModel(handMadeV3(parts)).doGenerate(ask)
    expect(result.content).toEqual([
      { type: 'text', text: 'Hi' },
      { type: 'file', mediaType: 'image/png', data: { type: 'data', data: png } },
    ])
  })

  it('a model of specification 3 receives its own form', async () => {
    const calls: LanguageModelV3CallOptions[] = []
    await streamed(adaptModel(handMadeV3(parts, calls)), everything)
    const { prompt, tools, ...rest } = calls[0] ?? ask
    expect(rest).toEqual({
      temperature: 0.1,
      headers: { 'x-trace': '1' },
      providerOptions: { openai: { user: 'u' } },
      toolChoice: { type: 'auto' },
    })
    expect(tools).toEqual(everything.tools)
    expect(prompt.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
      'tool',
      'tool',
    ])
    expect(prompt[1]).toEqual({
      role: 'user',
      content: [
        { type: 'text', text: 'Look', providerOptions: cached },
        { type: 'file', data: png, mediaType: 'image/*', filename: 'a.png' },
        {
          type: 'file',
          data: new URL('https://example.com/a.pdf'),
          mediaType: 'application/pdf',
        },
        { type: 'file', data: new TextEncoder().encode('Grüße'), mediaType: 'text/plain' },
      ],
      providerOptions: cached,
    })
    expect(prompt[2]?.content).toEqual([
      { type: 'reasoning', text: 'Hm' },
      { type: 'file', data: png, mediaType: 'image/png' },
      { type: 'tool-call', toolCallId: '1', toolName: 'clock', input: { zone: 'UTC' } },
      {
        type: 'tool-result',
        toolCallId: 'p',
        toolName: 'search',
        output: { type: 'json', value: [1], providerOptions: cached },
      },
    ])
    expect(prompt[3]?.content[1]).toMatchObject({
      output: {
        type: 'content',
        value: [
          { type: 'text', text: 'See' },
          { type: 'image-data', data: png, mediaType: 'image/png' },
          { type: 'file-data', data: 'AQID', mediaType: 'application/pdf', filename: 'a.pdf' },
          { type: 'image-url', url: 'https://example.com/cat' },
          { type: 'file-url', url: 'https://example.com/a.csv' },
          { type: 'file-id', fileId: { openai: 'file-1' } },
          { type: 'text', text: 'plain' },
          { type: 'custom', providerOptions: cached },
        ],
      },
    })
  })

  it('a file of specification 4 alone is refused by specification 3', async () => {
    const data = { type: 'reference' as const, reference: { openai: 'file-1' } }
    const prompt: LanguageModelV4CallOptions['prompt'] = [
      { role: 'user', content: [{ type: 'file', data, mediaType: 'image/png' }] },
    ]
    await expect(adaptModel(handMadeV3(parts)).doStream({ prompt })).rejects.toMatchObject({
      code: 'invalid-request',
    })
  })

  it('a model of specification 3 can be cancelled and fails', async () => {
    let cancelled: unknown
    const endless = new ReadableStream<LanguageModelV3StreamPart>({
      pull: (controller) => controller.enqueue({ type: 'text-delta', id: 't', delta: '.' }),
      cancel: (reason) => {
        cancelled = reason
      },
    })
    const failure = new Error('lost')
    const broken = new ReadableStream<LanguageModelV3StreamPart>({
      pull: (controller) => controller.error(failure),
    })
    const streams = [endless, broken]
    const model = adaptModel({
      ...handMadeV3([]),
      doStream: async () => ({ stream: streams.shift() ?? broken }),
    })
    const reader = (await model.doStream(ask)).stream.getReader()
    await reader.read()
    await reader.cancel('enough')
    expect(cancelled).toBe('enough')
    await expect(streamed(model, ask)).rejects.toBe(failure)
  })
})

describe('a model of specification 2', () => {
  const parts: PartOf<MockLanguageModelV2>[] = [
    {
      type: 'stream-start',
      warnings: [
        { type: 'unsupported-setting', setting: 'seed', details: 'No seeds.' },
        { type: 'unsupported-tool', tool: { type: 'function', name: 'clock', inputSchema: {} } },
        { type: 'other', message: 'Careful.' },
      ],
    },
    { type: 'text-start', id: 't' },
    { type: 'text-delta', id: 't', delta: 'Hi' },
    { type: 'text-end', id: 't' },
    { type: 'file', mediaType: 'image/png', data: png },
    {
      type: 'tool-result',
      toolCallId: '1',
      toolName: 'search',
      result: { found: undefined, at: new Date(0) },
      providerExecuted: true,
    },
    {
      type: 'finish',
      finishReason: 'unknown',
      usage: {
        inputTokens: 10,
        outputTokens: 5,
        totalTokens: 15,
        cachedInputTokens: 4,
        reasoningTokens: 2,
      },
    },
  ]
  const usage = {
    inputTokens: { total: 10, noCache: undefined, cacheRead: 4, cacheWrite: undefined },
    outputTokens: { total: 5, text: undefined, reasoning: 2 },
    raw: {
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 15,
      cachedInputTokens: 4,
      reasoningTokens: 2,
    },
  }
  const warnings = [
    { type: 'unsupported', feature: 'seed', details: 'No seeds.' },
    { type: 'unsupported', feature: 'tool clock' },
    { type: 'other', message: 'Careful.' },
  ]
  const expected = [
    { type: 'stream-start', warnings },
    { type: 'text-start', id: 't' },
    { type: 'text-delta', id: 't', delta: 'Hi' },
    { type: 'text-end', id: 't' },
    { type: 'file', mediaType: 'image/png', data: { type: 'data', data: png } },
    {
      type: 'tool-result',
      toolCallId: '1',
      toolName: 'search',
      result: { at: '1970-01-01T00:00:00.000Z' },
    },
    { type: 'finish', finishReason: { unified: 'other', raw: 'unknown' }, usage },
  ]

  it('a model of specification 2 returns parts of specification 4', async () => {
    const model = adaptModel(handMadeV2(parts))
    expect(model).toMatchObject({ specificationVersion: 'v4', provider: 'old', modelId: 'two' })
    expect(await streamed(model, ask)).toEqual(expected)
  })

  it('a mock of ai 5 returns parts of specification 4', async () => {
    const mock = new MockLanguageModelV2({ doStream: async () => ({ stream: streamOf(parts) }) })
    expect(await streamed(adaptModel(mock), ask)).toEqual(expected)
  })

  it('a model of specification 2 returns content of specification 4', async () => {
    const result = await adaptModel(handMadeV2(parts)).doGenerate(ask)
    expect(result).toEqual({
      content: [
        { type: 'text', text: 'Hi' },
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data: png } },
        { type: 'tool-result', toolCallId: '1', toolName: 'search', result: '' },
      ],
      finishReason: { unified: 'length', raw: 'length' },
      usage,
      warnings: [{ type: 'other', message: 'Careful.' }],
    })
  })

  it('a model of specification 2 receives its own form', async () => {
    const calls: LanguageModelV2CallOptions[] = []
    await streamed(adaptModel(handMadeV2(parts, calls)), everything)
    const { prompt, tools, ...rest } = calls[0] ?? { prompt: [] }
    expect(rest).toEqual({
      temperature: 0.1,
      headers: { 'x-trace': '1' },
      providerOptions: { openai: { user: 'u' } },
      toolChoice: { type: 'auto' },
    })
    expect(Object.keys(rest.providerOptions?.['openai'] ?? {})).toEqual(['user'])
    expect(tools).toStrictEqual([
      {
        type: 'function',
        name: 'clock',
        inputSchema: { type: 'object' },
        providerOptions: cached,
      },
      { type: 'provider-defined', id: 'openai.search', name: 'search', args: { depth: 1 } },
    ])
    expect(prompt.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool'])
    expect(prompt[1]).toMatchObject({ providerOptions: cached })
    expect(prompt[2]?.content[3]).toStrictEqual({
      type: 'tool-result',
      toolCallId: 'p',
      toolName: 'search',
      output: { type: 'json', value: [1] },
    })
    expect(prompt[3]?.content).toStrictEqual([
      {
        type: 'tool-result',
        toolCallId: '1',
        toolName: 'clock',
        output: {
          type: 'content',
          value: [
            { type: 'text', text: 'See' },
            { type: 'media', data: png, mediaType: 'image/png' },
            { type: 'media', data: 'AQID', mediaType: 'application/pdf' },
            { type: 'text', text: 'https://example.com/cat' },
            { type: 'text', text: 'https://example.com/a.csv' },
            { type: 'text', text: '[file {"openai":"file-1"}]' },
            { type: 'text', text: 'plain' },
          ],
        },
      },
    ])
    expect(prompt[4]?.content).toStrictEqual([
      {
        type: 'tool-result',
        toolCallId: '2',
        toolName: 'clock',
        output: { type: 'error-text', value: 'Not now' },
      },
    ])
  })
})

describe('an invalid model', () => {
  it('a model of another specification is refused with its version', () => {
    const old = new MockLanguageModelV4()
    Object.assign(old, { specificationVersion: 'v1' })
    expect(() => adaptModel(old)).toThrow(/specification version "v1".*"v2", "v3" and "v4"/)
  })

  it('a value that is not a model is refused', () => {
    for (const value of ['null', '7', '{}', '[]']) {
      expect(() => adaptModel(JSON.parse(value))).toThrow(/"provider\/model-id" or a model object/)
    }
  })
})

function handMadeV3(
  parts: LanguageModelV3StreamPart[],
  calls: LanguageModelV3CallOptions[] = [],
): LanguageModelV3 {
  return {
    specificationVersion: 'v3',
    provider: 'old',
    modelId: 'three',
    supportedUrls: { 'image/*': [/^https:/] },
    doStream: async (options) => {
      calls.push(options)
      return { stream: streamOf(parts) }
    },
    doGenerate: async () => ({
      content: [
        { type: 'text', text: 'Hi' },
        { type: 'file', mediaType: 'image/png', data: png },
      ],
      finishReason: { unified: 'stop', raw: undefined },
      usage: {
        inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 1, text: 1, reasoning: 0 },
      },
      warnings: [],
    }),
  }
}

function handMadeV2(
  parts: LanguageModelV2StreamPart[],
  calls: LanguageModelV2CallOptions[] = [],
): LanguageModelV2 {
  return {
    specificationVersion: 'v2',
    provider: 'old',
    modelId: 'two',
    supportedUrls: {},
    doStream: async (options) => {
      calls.push(options)
      return { stream: streamOf(parts) }
    },
    doGenerate: async () => ({
      content: [
        { type: 'text', text: 'Hi' },
        { type: 'file', mediaType: 'image/png', data: png },
        { type: 'tool-result', toolCallId: '1', toolName: 'search', result: null },
      ],
      finishReason: 'length',
      usage: {
        inputTokens: 10,
        outputTokens: 5,
        totalTokens: 15,
        cachedInputTokens: 4,
        reasoningTokens: 2,
      },
      warnings: [{ type: 'other', message: 'Careful.' }],
    }),
  }
}

function streamOf<PART>(parts: readonly PART[]): ReadableStream<PART> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })
}

async function streamed(
  model: ReturnType<typeof adaptModel>,
  options: LanguageModelV4CallOptions,
): Promise<LanguageModelV4StreamPart[]> {
  const parts: LanguageModelV4StreamPart[] = []
  for await (const part of (await model.doStream(options)).stream) parts.push(part)
  return parts
}
