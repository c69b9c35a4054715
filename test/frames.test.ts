import { assert, nat, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { AgentEvent } from '../src/event.ts'
import { encoderOf, type Profile, profiles } from '../src/wire/frames.ts'
import { encodeFrame } from '../src/wire/frames/ui.ts'
import { type Client, clients } from './clients.ts'

const providerMetadata = { acme: { key: 'value', nested: { list: [1, null] } } }
const messageMetadata = { agent: 'assistant', usage: { inputTokens: 3, outputTokens: 4 } }

/** A static tool `add`, with streamed input and a result. */
const staticTool: AgentEvent[] = [
  { type: 'tool-input-start', toolCallId: 'c1', toolName: 'add', title: 'Add', providerMetadata },
  { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: '{"a":' },
  { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: '1}' },
  {
    type: 'tool-input-available',
    toolCallId: 'c1',
    toolName: 'add',
    input: { a: 1 },
    title: 'Add',
    dynamic: false,
    providerMetadata,
  },
  {
    type: 'tool-output-available',
    toolCallId: 'c1',
    output: 'working',
    preliminary: true,
    dynamic: false,
  },
  { type: 'tool-output-available', toolCallId: 'c1', output: { sum: 1 }, providerMetadata },
]

/** A dynamic tool that fails, one with a refused input, and one that the provider runs. */
const otherTools: AgentEvent[] = [
  {
    type: 'tool-input-start',
    toolCallId: 'c2',
    toolName: 'mcp',
    dynamic: true,
    title: 'From afar',
  },
  {
    type: 'tool-input-available',
    toolCallId: 'c2',
    toolName: 'mcp',
    input: undefined,
    dynamic: true,
  },
  {
    type: 'tool-output-error',
    toolCallId: 'c2',
    errorText: 'it failed',
    dynamic: true,
    providerMetadata,
  },
  {
    type: 'tool-input-error',
    toolCallId: 'c3',
    toolName: 'unknown',
    input: '{nonsense',
    errorText: 'no such tool',
    dynamic: true,
    title: 'Unknown',
    providerMetadata,
  },
  {
    type: 'tool-input-available',
    toolCallId: 'c4',
    toolName: 'search',
    input: {},
    providerExecuted: true,
  },
  { type: 'tool-output-available', toolCallId: 'c4', output: undefined, providerExecuted: true },
]

const content: AgentEvent[] = [
  { type: 'reasoning-start', id: 's1-r0', providerMetadata },
  { type: 'reasoning-delta', id: 's1-r0', delta: 'hm', providerMetadata },
  { type: 'reasoning-delta', id: 's1-r0', delta: ' so', providerMetadata },
  { type: 'reasoning-end', id: 's1-r0', providerMetadata },
  { type: 'text-start', id: 's1-t0', providerMetadata },
  { type: 'text-delta', id: 's1-t0', delta: 'Hé"\n' },
  { type: 'text-delta', id: 's1-t0', delta: '\ud83d' },
  { type: 'text-delta', id: 's1-t0', delta: '\ude00', providerMetadata },
  { type: 'text-end', id: 's1-t0', providerMetadata },
  { type: 'file', url: 'data:text/plain;base64,aGk=', mediaType: 'text/plain', providerMetadata },
  { type: 'reasoning-file', url: 'data:text/plain;base64,aGk=', mediaType: 'text/plain' },
  {
    type: 'source-url',
    sourceId: 'u1',
    url: 'https://example.com',
    title: 'Example',
    providerMetadata,
  },
  {
    type: 'source-document',
    sourceId: 'd1',
    mediaType: 'text/plain',
    title: 'Document',
    filename: 'd.txt',
    providerMetadata,
  },
  { type: 'custom', kind: 'acme.thing', providerMetadata },
  { type: 'data-progress', id: 'p', data: { done: 1 }, transient: false },
  { type: 'data-progress', id: 'p', data: undefined },
  { type: 'data-note', data: 'once', transient: true },
]

/** Every event that needs no approval, with every possible field. */
const answer: AgentEvent[] = [
  { type: 'start', messageId: 'm1', messageMetadata },
  { type: 'start-step' },
  ...content,
  ...staticTool,
  ...otherTools,
  { type: 'finish-step' },
  { type: 'start-step' },
  { type: 'message-metadata', messageMetadata: { more: true } },
  { type: 'finish-step' },
  { type: 'abort', reason: 'stopped' },
  { type: 'finish', finishReason: 'stop', messageMetadata: { steps: 2 } },
]

const asked = (toolCallId: string, dynamic: boolean): AgentEvent[] => [
  { type: 'tool-input-available', toolCallId, toolName: 'wipe', input: {}, dynamic },
  { type: 'tool-approval-request', approvalId: `a-${toolCallId}`, toolCallId },
]
const denied = (toolCallId: string, dynamic: boolean): AgentEvent[] => [
  ...asked(toolCallId, dynamic),
  { type: 'tool-output-denied', toolCallId, dynamic },
]
const approvals: AgentEvent[] = [
  { type: 'start', messageId: 'm2' },
  { type: 'start-step' },
  ...denied('c5', false),
  ...denied('c6', true),
  { type: 'finish-step' },
  { type: 'finish', finishReason: 'tool-calls' },
]

function sent(events: readonly AgentEvent[], profile: Profile | undefined): string {
  const { encode, last } = encoderOf('ui', profile)
  return events.map((event, index) => encode(event, `1-${index}.0`) ?? '').join('') + last
}

const chunksOf = (text: string): unknown[] =>
  [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']) => JSON.parse(json))

const readers = (profile: Profile | undefined): readonly Client[] =>
  clients.filter(({ major }) => profile === undefined || profile === `v${major}`)

const typeOf = (chunk: unknown): string =>
  typeof chunk === 'object' && chunk !== null && 'type' in chunk ? String(chunk.type) : ''

const typesOf = (text: string): string[] => chunksOf(text).map(typeOf)

const typesIn = (profile: Profile | undefined) => new Set(typesOf(sent(answer, profile)))

const fieldsIn = (profile: Profile | undefined, type: string) =>
  chunksOf(sent(answer, profile))
    .filter((chunk) => typeOf(chunk) === type)
    .map((chunk) => Object.keys(chunk ?? {}).join())[0]

const textIn = (events: readonly AgentEvent[]): string => {
  const encoder = encoderOf('text', undefined)
  const chunks = events.map((event) => encoder.encode(event, '') ?? '')
  // As on a socket, each write is encoded separately.
  return Buffer.concat(chunks.map((chunk) => Buffer.from(chunk))).toString()
}

const textPart = (id: string, delta: string): AgentEvent[] => [
  { type: 'text-start', id },
  { type: 'text-delta', id, delta },
  { type: 'text-end', id },
]

const linesIn = (events: readonly AgentEvent[]): [string, unknown][] => {
  const encoder = encoderOf('data', undefined)
  const text = events.map((event) => encoder.encode(event, '') ?? '').join('')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, 1), JSON.parse(line.slice(2))])
}

const idOf = (value: unknown) => Object.entries(value ?? {})[0]?.[1]

const textOf = { type: 'text', text: 'Hé"\n😀' }

describe('the UI message stream', () => {
  for (const profile of [undefined, ...profiles]) {
    for (const client of readers(profile)) {
      it(`for ${profile ?? 'no'} profile is complete for ${client.name}`, async () => {
        const message = await client.read(sent(answer, profile))
        expect(message).toMatchObject({ id: 'm1', metadata: { agent: 'assistant', more: true } })
        expect(message.metadata).toMatchObject({ steps: 2 })
        expect(message.parts).toEqual(
          expect.arrayContaining([
            expect.objectContaining(textOf),
            expect.objectContaining({ type: 'reasoning', text: 'hm so' }),
            expect.objectContaining({ type: 'tool-add', output: { sum: 1 }, input: { a: 1 } }),
            expect.objectContaining({ type: 'dynamic-tool', errorText: 'it failed', input: null }),
            expect.objectContaining({ toolName: 'unknown', errorText: 'no such tool' }),
            expect.objectContaining({
              type: 'tool-search',
              state: 'output-available',
              output: null,
            }),
            expect.objectContaining({ type: 'data-progress', data: null }),
            expect.objectContaining({ type: 'source-document', filename: 'd.txt' }),
          ]),
        )
        const tools = message.parts.filter((part) => 'toolCallId' in part)
        expect(tools).toHaveLength(4)
        expect(JSON.stringify(tools)).not.toContain('preliminary')
      })
    }
  }

  it('the first releases refuse a stream of another profile', async () => {
    const strict = clients.filter((client) => client.strict && client.major < 7)
    expect(strict).toHaveLength(2)
    for (const { read } of strict) await expect(read(sent(answer, 'v7'))).rejects.toThrow(/valid/)
  })

  it('only ai 7 receives the chunks of ai 7', () => {
    for (const only of ['custom', 'reasoning-file']) {
      expect(typesIn('v7').has(only)).toBe(true)
      for (const profile of [undefined, 'v5', 'v6'] as const) {
        expect(typesIn(profile).has(only)).toBe(false)
      }
    }
    expect(encodeFrame({ type: 'reset-step' }, 'v7')).toBe('data: {"type":"reset-step"}\n\n')
    for (const profile of [undefined, 'v5', 'v6'] as const) {
      expect(encodeFrame({ type: 'reset-step' }, profile)).toBeUndefined()
    }
  })

  it('ai 7 withdraws a step at reset-step', async () => {
    const events: AgentEvent[] = [
      { type: 'start', messageId: 'm' },
      { type: 'start-step' },
      { type: 'text-start', id: 'a' },
      { type: 'text-delta', id: 'a', delta: 'half' },
      { type: 'reset-step' },
      { type: 'text-start', id: 'b' },
      { type: 'text-delta', id: 'b', delta: 'whole' },
      { type: 'text-end', id: 'b' },
      { type: 'finish-step' },
      { type: 'finish', finishReason: 'stop' },
    ]
    const client = clients.find(({ name }) => name === 'ai 7')
    const message = await client?.read(sent(events, 'v7'))
    expect(JSON.stringify(message?.parts)).toContain('whole')
    expect(JSON.stringify(message?.parts)).not.toContain('half')
  })

  for (const client of clients) {
    const profile: Profile = `v${client.major}`
    it(`denied calls are settled in ${client.name}`, async () => {
      const { parts } = await client.read(sent(approvals, profile))
      const state = client.major === 5 ? 'output-error' : 'output-denied'
      expect(parts.filter((part) => 'state' in part && part.state === state)).toHaveLength(2)
    })
    if (client.major === 5) continue
    it(`${client.name} receives approval requests without a profile`, async () => {
      const events = [...approvals.slice(0, 2), ...asked('c7', false)]
      const { parts } = await client.read(sent(events, undefined))
      expect(parts).toContainEqual(
        expect.objectContaining({ state: 'approval-requested', approval: { id: 'a-c7' } }),
      )
    })
  }

  it('an error event is an error in every client', async () => {
    const events: AgentEvent[] = [
      { type: 'start', messageId: 'm' },
      { type: 'error', errorText: 'the model is out' },
      { type: 'finish', finishReason: 'error' },
    ]
    for (const client of clients) {
      await expect(client.read(sent(events, undefined))).rejects.toThrow('the model is out')
    }
  })

  it('no field is sent that a first release refuses', () => {
    expect(fieldsIn(undefined, 'tool-input-start')).toBe('type,toolCallId,toolName')
    expect(fieldsIn('v6', 'tool-input-start')).toBe('type,toolCallId,toolName,title')
    expect(fieldsIn('v7', 'tool-input-start')).toContain('providerMetadata')
    expect(fieldsIn('v6', 'abort')).toBe('type')
    expect(fieldsIn('v7', 'abort')).toBe('type,reason')
    expect(fieldsIn('v5', 'tool-output-error')).toBe('type,toolCallId,errorText,dynamic')
  })

  it('keys that break a client are left out', async () => {
    const output: unknown = JSON.parse(
      '{"__proto__":{"a":1},"constructor":{"prototype":{},"kept":1},"list":[{"__proto__":1,"b":2}],"inner":{"constructor":null}}',
    )
    const events: AgentEvent[] = [
      { type: 'start', messageId: 'm' },
      { type: 'tool-input-available', toolCallId: 'c', toolName: 't', input: {} },
      { type: 'tool-output-available', toolCallId: 'c', output },
      { type: 'text-start', id: 't' },
      { type: 'text-delta', id: 't', delta: '"__proto__": "constructor":' },
    ]
    for (const client of clients) {
      const { parts } = await client.read(sent(events, undefined))
      expect(parts[0]).toMatchObject({ output: { list: [{ b: 2 }], inner: {} } })
      expect(JSON.stringify(parts[0])).toContain('"constructor":{"kept":1}')
      expect(parts[1]).toMatchObject({ text: '"__proto__": "constructor":' })
    }
  })

  it('every frame has its event’s cursor; the end has none', () => {
    const text = sent(answer.slice(0, 2), undefined)
    expect(text).toMatch(/^id: 1-0\.0\ndata: \{.*\}\n\nid: 1-1\.0\ndata: .*\n\ndata: \[DONE\]\n\n$/)
  })

  it('any text is one line of equal JSON', () => {
    const any = string({ unit: 'binary' })
    assert(
      property(any, any, (id, delta) => {
        const frame = encodeFrame({ type: 'text-delta', id, delta }, undefined) ?? ''
        expect(frame.slice(0, -2)).not.toMatch(/[\r\n]/)
        expect(chunksOf(frame)).toEqual([{ type: 'text-delta', id, delta }])
      }),
    )
  })
})

describe('the text stream', () => {
  it('the text stream has only the text', () => {
    expect(textIn(answer)).toBe('Hé"\n😀')
  })

  it('a blank line separates the texts of two steps', () => {
    expect(textIn([...textPart('a', 'One.'), ...textPart('b', 'Two.')])).toBe('One.\n\nTwo.')
  })

  it('characters split between deltas are joined', () => {
    assert(
      property(string({ unit: 'grapheme' }), nat(), (text, at) => {
        const cut = at % (text.length + 1)
        const deltas = [text.slice(0, cut), text.slice(cut)]
        const events = deltas.map((delta) => ({ type: 'text-delta' as const, id: 't', delta }))
        expect(textIn([...events, { type: 'text-end', id: 't' }])).toBe(text)
      }),
    )
  })

  it('the text stream shows an error as text', () => {
    expect(textIn([{ type: 'error', errorText: 'out of order' }])).toBe('[error] out of order\n')
    expect(encoderOf('text', undefined).reportsErrors).toBe(false)
  })
})

describe('the data stream of ai 4', () => {
  it('the data stream has the codes that ai 4 checks', () => {
    const said = linesIn([...answer, { type: 'error', errorText: 'gone' }])
    const shapes: Readonly<Record<string, unknown>> = {
      0: expect.any(String),
      2: expect.any(Array),
      3: expect.any(String),
      8: expect.any(Array),
      9: {
        toolCallId: expect.any(String),
        toolName: expect.any(String),
        args: expect.toSatisfy((args: unknown) => typeof args === 'object'),
      },
      a: {
        toolCallId: expect.any(String),
        result: expect.toSatisfy((value) => value !== undefined),
      },
      b: { toolCallId: expect.any(String), toolName: expect.any(String) },
      c: { toolCallId: expect.any(String), argsTextDelta: expect.any(String) },
      d: { finishReason: 'stop' },
      e: { finishReason: expect.any(String), isContinued: false },
      f: { messageId: 'm1' },
      g: expect.any(String),
      h: { sourceType: 'url', id: 'u1', url: 'https://example.com', title: 'Example' },
      k: { data: 'aGk=', mimeType: 'text/plain' },
    }
    for (const [code, value] of said) expect(value, code).toEqual(shapes[code])
    expect(new Set(said.map(([code]) => code))).toEqual(new Set(Object.keys(shapes)))
  })

  it('no result comes before its call', () => {
    const said = linesIn(answer)
    for (const [index, [code, value]] of said.entries()) {
      if (code !== 'a') continue
      const named = said.slice(0, index).filter(([code]) => code === '9' || code === 'b')
      expect(named.map(([, call]) => idOf(call))).toContain(idOf(value))
    }
  })

  it('the last line has the usage', () => {
    const finish: AgentEvent = { type: 'finish', finishReason: 'length', messageMetadata }
    expect(linesIn([finish]).at(-1)).toEqual([
      'd',
      { finishReason: 'length', usage: { promptTokens: 3, completionTokens: 4 } },
    ])
  })
})
