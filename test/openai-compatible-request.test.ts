/**
 * The request bodies of Loom's chat-completions client compared with those of
 * `@ai-sdk/openai-compatible`, and the other parts of a request on the wire.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Prompt,
} from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'

import { openAICompatible } from '../src/model/openai-compatible.ts'
import type { TransportRequest } from '../src/model/openai-compatible/transport.ts'
import { byteTransport, hello, loomModel, stockModel } from './fixtures/byte-transport.ts'
import { chatStreams } from './fixtures/chat-streams.ts'
import { collectParts, collectStream } from './fixtures/collected-parts.ts'
import type { Collected } from './fixtures/collected-parts.ts'

const answer = [new TextEncoder().encode(chatStreams['[DONE] missing'])]

type Call = Partial<LanguageModelV4CallOptions>

interface Sent extends Collected {
  body: Record<string, unknown>
  warnings: unknown
}

async function sentByLoom(
  call: Call,
  options: Parameters<typeof loomModel>[1] = {},
): Promise<Sent> {
  let json = '{}'
  const transport = byteTransport(answer, (request) => (json = String(request.body)))
  const collected = await collectParts(loomModel([], { transport, ...options }), {
    ...hello,
    ...call,
  })
  return withBody(collected, json)
}

async function sentByStock(
  call: Call,
  options: Parameters<typeof stockModel>[2] = {},
): Promise<Sent> {
  let json = '{}'
  const model = stockModel(answer, (body) => (json = body), options)
  return withBody(await collectStream(model, { ...hello, ...call }), json)
}

function withBody(collected: Collected, json: string): Sent {
  const [start] = collected.parts
  const warnings = start?.type === 'stream-start' ? start.warnings : undefined
  return { ...collected, body: JSON.parse(json), warnings }
}

const user = (...content: Extract<LanguageModelV4Prompt[number], { role: 'user' }>['content']) =>
  ({ prompt: [{ role: 'user', content }] }) satisfies Call

function file(mediaType: string, data: Uint8Array | string | URL): LanguageModelV4FilePart {
  const isUrl = data instanceof URL
  return {
    type: 'file',
    mediaType,
    data: isUrl ? { type: 'url', url: data } : { type: 'data', data },
  }
}

const result = (
  output: Extract<
    Extract<LanguageModelV4Prompt[number], { role: 'tool' }>['content'][number],
    { type: 'tool-result' }
  >['output'],
  toolCallId = 'a',
) => ({ type: 'tool-result', toolCallId, toolName: 'read', output }) as const
const results = (...content: ReturnType<typeof result>[]) =>
  ({ prompt: [{ role: 'tool', content }] }) satisfies Call

/** The first bytes of a PNG, as a view into a larger buffer. */
const png = new Uint8Array([0, 0, 0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]).subarray(2)
const pdf = new TextEncoder().encode('%PDF-1.7')
const schema = { type: 'object', properties: { p: { type: 'number' } } } as const
const read = { type: 'function', name: 'read', description: 'Reads.', inputSchema: schema } as const

const same: Record<string, Call> = {
  'a system message and a user text': {
    prompt: [
      { role: 'system', content: 'Be brief.', providerOptions: { openaiCompatible: { cache: 1 } } },
      { role: 'user', content: [{ type: 'text', text: 'Grüße' }] },
    ],
  },
  'several texts': user({ type: 'text', text: 'a' }, { type: 'text', text: 'b' }),
  'options of one text': user({
    type: 'text',
    text: 'a',
    providerOptions: { openaiCompatible: { cache_control: { type: 'ephemeral' } } },
  }),
  'options of parts and their message': {
    prompt: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a', providerOptions: { openaiCompatible: { x: 1 } } },
          { ...file('image/png', png), providerOptions: { openaiCompatible: { detail: 'low' } } },
        ],
        providerOptions: { openaiCompatible: { name: 'Ann' } },
      },
    ],
  },
  'an image by URL': user(file('image/png', new URL('https://test.invalid/a.png?b=c'))),
  'an image as a data URL': user(file('image/png', new URL('data:image/png;base64,iVBORw=='))),
  'an image as bytes': user(file('image/png', png)),
  'an image as base64': user(file('image/png', 'iVBORw0KGgo=')),
  'an image of which only the kind is known': user(
    file('image', png),
    file('image/*', 'iVBORw0KGgo='),
  ),
  'a video': user(file('video/mp4', png), file('video/*', new URL('https://test.invalid/a'))),
  'audio as WAV and MP3': user(
    file('audio/wav', png),
    file('audio/mpeg', 'SUQz'),
    file('audio/mp3', png),
  ),
  'a PDF with and without a name': user(
    { ...file('application/pdf', pdf), filename: 'a.pdf' },
    file('application/*', pdf),
  ),
  'text files': user(
    file('text/plain', new TextEncoder().encode('Grüße')),
    file('text/csv', 'YSxi'),
    file('text/html', new URL('https://test.invalid/a.html')),
    { type: 'file', mediaType: 'text/markdown', data: { type: 'text', text: '# a' } },
  ),
  'a file that the provider has already': user({
    type: 'file',
    mediaType: 'application/pdf',
    data: { type: 'reference', reference: { test: 'file-1', other: 'file-2' } },
  }),
  'assistant text': {
    prompt: [
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
          { type: 'custom', kind: 'x.y' },
        ],
        providerOptions: { openaiCompatible: { prefix: true } },
      },
    ],
  },
  'tool calls': {
    prompt: [
      {
        role: 'assistant',
        content: [
          { type: 'tool-call', toolCallId: 'a', toolName: 'read', input: { p: 1 } },
          { type: 'tool-call', toolCallId: 'b', toolName: 'read', input: '{"p":2}' },
          { type: 'tool-call', toolCallId: 'c', toolName: 'read', input: 'not JSON' },
          {
            type: 'tool-call',
            toolCallId: 'd',
            toolName: 'read',
            input: null,
            providerOptions: { test: { thoughtSignature: 'sig' }, openaiCompatible: { x: 1 } },
          },
        ],
      },
    ],
  },
  'text with a tool call': {
    prompt: [
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me look.' },
          { type: 'tool-call', toolCallId: 'a', toolName: 'read', input: {} },
        ],
      },
    ],
  },
  'every output of a tool': results(
    result({ type: 'text', value: 'x' }, 'a'),
    result({ type: 'json', value: { x: [1] } }, 'b'),
    result({ type: 'json', value: 'x' }, 'c'),
    result({ type: 'error-text', value: 'no' }, 'd'),
    result({ type: 'error-json', value: { code: 1 } }, 'e'),
    result({ type: 'execution-denied', reason: 'not now' }, 'f'),
    result({ type: 'execution-denied' }, 'g'),
  ),
  'an approval among tool results': {
    prompt: [
      {
        role: 'tool',
        content: [
          { type: 'tool-approval-response', approvalId: 'x', approved: true },
          {
            ...result({ type: 'text', value: 'x' }),
            providerOptions: { openaiCompatible: { name: 'read' } },
          },
        ],
      },
    ],
  },
  'all settings': {
    maxOutputTokens: 100,
    temperature: 0.1,
    topP: 0.9,
    topK: 5,
    frequencyPenalty: 0.1,
    presencePenalty: 0.2,
    stopSequences: ['END'],
    seed: 7,
    reasoning: 'low',
  },
  'no reasoning setting': { reasoning: 'provider-default' },
  tools: { tools: [read, { ...read, name: 'list', strict: true }] },
  'no tools': { tools: [], toolChoice: { type: 'auto' } },
  'a provider tool among others': {
    tools: [read, { type: 'provider', id: 'x.search', name: 'search', args: {} }],
  },
  'tool choice auto': { tools: [read], toolChoice: { type: 'auto' } },
  'tool choice none': { tools: [read], toolChoice: { type: 'none' } },
  'tool choice required': { tools: [read], toolChoice: { type: 'required' } },
  'tool choice of one tool': { tools: [read], toolChoice: { type: 'tool', toolName: 'read' } },
  'text as format': { responseFormat: { type: 'text' } },
  'JSON as format': { responseFormat: { type: 'json' } },
  'a JSON schema as format': { responseFormat: { type: 'json', schema } },
  'a named JSON schema, not strict': {
    responseFormat: { type: 'json', schema, name: 'point', description: 'A point.' },
    providerOptions: { test: { strictJsonSchema: false } },
  },
  "the provider's options": {
    temperature: 0,
    reasoning: 'low',
    providerOptions: {
      openaiCompatible: { user: 'x', reasoningEffort: 'low', textVerbosity: 'low' },
      test: { user: 'ann', temperature: 1, top_k: 5, nested: { a: 1 }, reasoningEffort: 'high' },
      other: { top_k: 6 },
    },
  },
  'an effort of null, and raw fields': {
    reasoning: 'low',
    providerOptions: { test: { reasoningEffort: null, verbosity: 'high' } },
  },
  'a raw effort': { providerOptions: { test: { reasoning_effort: 'minimal' } } },
}

test.each(Object.entries(same))(
  'the body equals that of the stock client: %s',
  async (_name, call) => {
    const [loom, stock] = [await sentByLoom(call), await sentByStock(call)]
    expect(loom.body).toEqual(stock.body)
    expect(loom.warnings).toEqual(stock.warnings)
    expect(loom.body).toMatchObject({ stream: true, stream_options: { include_usage: true } })
  },
)

test('tool results keep their parts if the API accepts them', async () => {
  const parts = [{ type: 'text', text: 'x' } as const, file('image/png', png)]
  const call = results(result({ type: 'content', value: parts }))
  const loom = await sentByLoom(call, { multiPartToolResults: true })
  expect(loom.body).toEqual((await sentByStock(call, { supportsMultiPartToolContent: true })).body)
})

const refused: Record<string, Call> = {
  'audio by URL': user(file('audio/wav', new URL('https://test.invalid/a.wav'))),
  'audio of another format': user(file('audio/flac', png)),
  'a PDF by URL': user(file('application/pdf', new URL('https://test.invalid/a.pdf'))),
  'an archive': user(file('application/zip', png)),
  'a font': user(file('font/woff', png)),
  'an image that is none': user(file('image/*', new TextEncoder().encode('plain text'))),
  'text as an image': user({
    type: 'file',
    mediaType: 'image/svg',
    data: { type: 'text', text: 'x' },
  }),
  "another provider's file": user({
    type: 'file',
    mediaType: 'application/pdf',
    data: { type: 'reference', reference: { other: 'file-2' } },
  }),
}

test.each(Object.entries(refused))(
  "the stock client's refusals are the same: %s",
  async (_name, call) => {
    const [loom, stock] = [await sentByLoom(call), await sentByStock(call)]
    expect(loom.failure).toMatchObject({ name: expect.stringMatching(/^AI_/) })
    expect(stock.failure).toMatchObject({ name: Reflect.get(Object(loom.failure), 'name') })
  },
)

describe('intended differences from the stock client', () => {
  test('files from data URLs are sent, as browsers create them', async () => {
    const call = user(
      file('application/pdf', new URL('data:application/pdf;base64,JVBERi0xLjc=')),
      file('text/plain', new URL('data:text/plain,a%20b')),
      file('audio/wav', new URL('data:audio/wav;base64,AAAA')),
    )
    expect((await sentByStock(call)).failure).toBeDefined()
    expect((await sentByLoom(call)).body['messages']).toEqual([
      {
        role: 'user',
        content: [
          {
            type: 'file',
            file: {
              filename: 'document.pdf',
              file_data: 'data:application/pdf;base64,JVBERi0xLjc=',
            },
          },
          { type: 'text', text: 'a b' },
          { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
        ],
      },
    ])
  })

  test('base64url is sent as base64', async () => {
    const { body } = await sentByLoom(user(file('image/png', '-_-_')))
    expect(JSON.stringify(body)).toContain('data:image/png;base64,+/+/')
  })

  test('bytes in a tool result are base64', async () => {
    const call = results(result({ type: 'content', value: [file('image/png', png)] }))
    expect(JSON.stringify((await sentByStock(call)).body)).toContain('{\\"0\\":137,')
    expect(JSON.stringify((await sentByLoom(call)).body)).toContain('iVBORw0KGgo=')
  })

  test('the options of a message with one text stay', async () => {
    const options = { openaiCompatible: { name: 'Ann' } }
    const content = [{ type: 'text', text: 'a' } as const]
    const call: Call = { prompt: [{ role: 'user', content, providerOptions: options }] }
    expect((await sentByStock(call)).body['messages']).toEqual([{ role: 'user', content: 'a' }])
    const { body } = await sentByLoom(call)
    expect(body['messages']).toEqual([{ role: 'user', content: 'a', name: 'Ann' }])
  })

  test('an empty list of tools is not sent', async () => {
    const call: Call = { tools: [{ type: 'provider', id: 'x.y', name: 'y', args: {} }] }
    expect((await sentByStock(call)).body).toHaveProperty('tools', [])
    expect((await sentByLoom(call)).body).not.toHaveProperty('tools')
  })

  test('a call with an undefined input gets arguments', async () => {
    const content = [
      { type: 'tool-call', toolCallId: 'a', toolName: 'now', input: undefined } as const,
    ]
    const { body } = await sentByLoom({ prompt: [{ role: 'assistant', content }] })
    expect(JSON.stringify(body)).toContain('"arguments":"{}"')
  })

  test("options under the provider's own name give no warning", async () => {
    const call: Call = { providerOptions: { 'my-host': { x: 1 }, myHost: { y: 2 } } }
    const stock = await sentByStock(call, { name: 'my-host' })
    const loom = await sentByLoom(call, { provider: 'my-host' })
    expect(loom.body).toEqual(stock.body)
    expect([stock.warnings, loom.warnings]).toEqual([[expect.anything()], []])
  })
})

test('extraBody overrides everything else', async () => {
  const extraBody = { temperature: 0.7, messages: [], route: 'x', stream_options: {} }
  const { body } = await sentByLoom({
    temperature: 0.1,
    providerOptions: { test: { route: 'y', kept: true }, loom: { extraBody } },
  })
  expect(body).toEqual({ model: 'm1', kept: true, stream: true, ...extraBody })
})

test('a schema that the API refuses gives a warning', async () => {
  const call: Call = { responseFormat: { type: 'json', schema } }
  const { body, warnings } = await sentByLoom(call, { structuredOutputs: false })
  expect(body['response_format']).toEqual({ type: 'json_object' })
  expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'responseFormat' }])
})

test.each([
  ['https://api.test/v1', 'https://api.test/v1/chat/completions'],
  ['https://api.test/v1/', 'https://api.test/v1/chat/completions'],
  ['https://api.test', 'https://api.test/chat/completions'],
  ['https://api.test/v1/chat/completions', 'https://api.test/v1/chat/completions'],
  ['https://api.test/v1/chat/completions/', 'https://api.test/v1/chat/completions'],
  ['http://[::1]:8080/a?version=1', 'http://[::1]:8080/a/chat/completions?version=1'],
])('the address of %s is %s', async (baseUrl, url) => {
  const requests: TransportRequest[] = []
  const transport = byteTransport(answer, (request) => requests.push(request))
  await collectParts(loomModel([], { baseUrl, transport }), hello)
  expect(requests.map((request) => request.url.href)).toEqual([url])
})

test.each(['', 'api.test/v1', 'ftp://api.test'])('the base URL "%s" is refused', (baseUrl) => {
  const start = () => openAICompatible({ provider: 'test', modelId: 'm1', baseUrl })
  expect(start).toThrow(expect.objectContaining({ name: 'LoomError', code: 'invalid-config' }))
})

test('the key is sent, and headers can replace any header', async () => {
  const requests: TransportRequest[] = []
  const transport = byteTransport(answer, (request) => requests.push(request))
  const options = { apiKey: 'sk-1', headers: { 'X-Title': 'a', 'X-Plan': 'a' }, transport }
  const headers = { 'x-title': 'b', 'X-Plan': undefined, 'User-Agent': 'me' }
  await collectParts(loomModel([], options), { ...hello, headers })
  await collectParts(loomModel([], { transport, headers: { Authorization: 'Basic x' } }), hello)
  expect(requests[0]?.headers).toEqual({
    'content-type': 'application/json',
    accept: 'text/event-stream, application/json',
    'accept-encoding': 'identity',
    authorization: 'Bearer sk-1',
    'user-agent': 'me',
    'x-title': 'b',
    'x-plan': 'a',
  })
  expect(requests[1]?.headers).toMatchObject({ authorization: 'Basic x' })
})
