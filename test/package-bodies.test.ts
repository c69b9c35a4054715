/**
 * Large prompts through the AI SDK's provider packages: Loom writes the request body in pieces, and the
 * provider receives the same bytes as from the package alone.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http'

import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultOutput,
} from '@ai-sdk/provider'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { networkFetch } from '../src/model/network.ts'
import { openPackageModel, type PackageName } from '../src/model/provider-package.ts'
import { wellFormedJson } from '../src/model/well-formed.ts'
import { within } from './deadline.ts'
import { openServer, type OpenServer } from './fixtures/open-server.ts'

interface Received {
  body: string
  headers: IncomingHttpHeaders
}

/** A provider that fails each request with the next of `answers`, and then with 500. */
const received: Received[] = []
const answers: [status: number, body: string][] = []
let onStart: () => void = () => undefined
const provider = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.once('data', () => onStart())
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('error', () => undefined)
  request.on('end', () => {
    received.push({ body: Buffer.concat(chunks).toString(), headers: request.headers })
    const [status, body] = answers.shift() ?? [500, '{}']
    response.writeHead(status, { 'content-type': 'application/json', location: '/moved' })
    response.end(body)
  })
})
let url = ''
let server: OpenServer
beforeAll(async () => {
  server = await openServer(provider)
  url = server.root
})
afterAll(() => server[Symbol.asyncDispose]())

interface Wire {
  packageName: PackageName
  modelId: string
  stock: (settings: { baseURL: string; apiKey: string }) => LanguageModelV4
  completions?: boolean
}

const google = (modelId: string): Wire => ({
  packageName: 'google',
  modelId,
  stock: (settings) => createGoogle(settings).languageModel(modelId),
})
const wires: Record<string, Wire> = {
  Anthropic: {
    packageName: 'anthropic',
    modelId: 'claude-sonnet-4-5',
    stock: (settings) => createAnthropic(settings).languageModel('claude-sonnet-4-5'),
  },
  'Gemini 3': google('gemini-3-pro-preview'),
  'Gemini 2': google('gemini-2.5-flash'),
  Gemma: google('gemma-3-27b-it'),
  'OpenAI responses': {
    packageName: 'openai',
    modelId: 'gpt-5',
    stock: (settings) => createOpenAI(settings).languageModel('gpt-5'),
  },
  'OpenAI completions': {
    packageName: 'openai',
    modelId: 'gpt-4o',
    stock: (settings) => createOpenAI(settings).chat('gpt-4o'),
    completions: true,
  },
}

const settings = () => ({ baseURL: url, apiKey: 'key', headers: {} })
const stockModel = ({ stock }: Wire) => stock(settings())
const loomModel = ({ packageName, modelId, completions = false }: Wire, fetch = networkFetch({})) =>
  openPackageModel(packageName, { ...settings(), fetch, completions }, modelId)

/** The message of the error with which the call fails, and the request that it made, if any. */
async function asked(model: LanguageModelV4, options: LanguageModelV4CallOptions) {
  const before = received.length
  const message = await model.doStream(options).then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  return { message, requests: received.slice(before) }
}

const large = 600_000
const text = 'Words, "quoted" \\ and \u{1f600}.\n\t'.repeat(large / 28)
const base64 = (start: string, size = large) =>
  Buffer.from(start.padEnd(size, 'some bytes'), 'latin1').toString('base64')
const png = base64('\x89PNG\r\n\x1a\n')
const pdf = base64('%PDF-1.7')
const mp3 = base64(`ID3\x04\0\0\0\0\x10\0${'\0'.repeat(2048)}\xff\xfb`)
const list = Array.from({ length: 20_000 }, (_, index) => ({ index, name: 'an "entry"' }))

const user = (...content: Extract<LanguageModelV4Prompt[number], { role: 'user' }>['content']) => ({
  role: 'user' as const,
  content,
})
const said = (text: string) => ({ type: 'text' as const, text })
const file = (mediaType: string, data: string | Uint8Array) => ({
  type: 'file' as const,
  mediaType,
  data: { type: 'data' as const, data },
})
const called = (input: unknown) => ({
  role: 'assistant' as const,
  content: [{ type: 'tool-call' as const, toolCallId: 'c1', toolName: 'look', input }],
})
const afterCall = (output: LanguageModelV4ToolResultOutput): LanguageModelV4Prompt => [
  user(said('Look.')),
  called({ path: 'a' }),
  {
    role: 'tool',
    content: [{ type: 'tool-result', toolCallId: 'c1', toolName: 'look', output }],
  },
]
const found = { type: 'text' as const, value: 'Found.' }
const afterInput = (input: unknown) => afterCall(found).with(1, called(input))
const answered = (
  ...content: Extract<LanguageModelV4Prompt[number], { role: 'assistant' }>['content']
): LanguageModelV4Prompt => [
  user(said('Hi.')),
  { role: 'assistant', content },
  user(said('Go on.')),
]
const sealed = {
  anthropic: { signature: text },
  google: { thoughtSignature: png },
  openai: { itemId: 'rs_1', reasoningEncryptedContent: png },
}

const prompts: Record<string, LanguageModelV4Prompt> = {
  'a system prompt': [{ role: 'system', content: text }, user(said('Hi.'))],
  'a text': [user(said(text))],
  'a text between blanks': [user(said(`${' '.repeat(3000)}${text}${'\n'.repeat(3000)}`))],
  'a text with half a character': [user(said(`${text}\ud83d ${text}`))],
  'the words of an answer': answered(said(text)),
  'an answer to be continued': [
    user(said('Go on.')),
    { role: 'assistant', content: [said(`\n${text} \n\n`)] },
  ],
  'a thought': answered({ type: 'reasoning', text, providerOptions: sealed }, said('Yes.')),
  'a picture': [user(file('image/png', png), said('See.'))],
  'the same picture twice': [user(file('image/png', png), file('image/png', png))],
  'many small pictures': [
    user(...Array.from({ length: 300 }, () => file('image/png', base64('\x89PNG', 3000)))),
  ],
  'a picture as bytes': [user(file('image/png', Buffer.from(png, 'base64')))],
  'a picture of no exact type': [user(file('image/*', png), file('image', png))],
  'a document': [user(file('application/pdf', pdf), file('application/*', pdf))],
  'a file that is text': [user(file('text/plain', base64('words')), said('Read.'))],
  'a sound': [user(file('audio/mpeg', mp3), file('audio/*', mp3), file('audio/wav', mp3))],
  'a file of no type': [user(file('application/octet-stream', png))],
  'text of a file': [
    user({ type: 'file', mediaType: 'text/plain', data: { type: 'text', text }, filename: 'a' }),
  ],
  'a picture of the model': answered(file('image/png', png), said('See.')),
  'a picture of a thought': answered({
    type: 'reasoning-file',
    mediaType: 'image/png',
    data: { type: 'data', data: png },
    providerOptions: sealed,
  }),
  'an input with a text': afterInput({ path: 'a', content: text }),
  'an input with a list': afterInput({ path: 'a', list, tree: { text } }),
  'an input with references': afterInput({ schema: { $ref: '#/a', list } }),
  'an input of many fields': afterInput(
    Object.fromEntries(list.map((entry) => [`f${entry.index}`, entry])),
  ),
  'an input that is no object': afterInput(JSON.stringify({ content: text })),
  'a result that is text': afterCall({ type: 'text', value: text }),
  'a result that is an error': afterCall({ type: 'error-text', value: text }),
  'a result that is JSON': afterCall({ type: 'json', value: { list, ok: true } }),
  'a result that is a JSON list': afterCall({ type: 'json', value: list }),
  'a result that is a JSON text': afterCall({ type: 'json', value: text }),
  'a result with references': afterCall({ type: 'json', value: { $ref: '#/a', list } }),
  'an error with references': afterCall({ type: 'error-json', value: [{ $ref: '#/a' }, list] }),
  'an error that is JSON': afterCall({ type: 'error-json', value: { list } }),
  'a call that was denied': afterCall({ type: 'execution-denied', reason: text }),
  'a result of several items': afterCall({
    type: 'content',
    value: [
      said(text),
      file('image/png', png),
      file('application/pdf', pdf),
      file('image/*', png),
      { type: 'file', mediaType: 'text/plain', data: { type: 'text', text } },
      said('The end.'),
    ],
  }),
}

describe.for(Object.keys(wires))('the body for %s', (name) => {
  const wire = wires[name]
  if (wire === undefined) throw new Error(`no wire ${name}`)

  it.for(Object.keys(prompts))('is the same with %s', async (title) => {
    const prompt = prompts[title] ?? []
    const stock = await asked(stockModel(wire), { prompt })
    const loom = await asked(await loomModel(wire), { prompt })
    expect(loom.message).toBe(stock.message)
    expect(loom.requests.length).toBe(stock.requests.length)
    const [expected] = stock.requests
    const [actual] = loom.requests
    if (expected === undefined || actual === undefined) return
    const body = wellFormedJson(expected.body)
    if (actual.body !== body) expect(differenceOf(actual.body, body)).toBe('')
    const { 'content-length': length, 'content-type': type, ...others } = actual.headers
    expect(length).toBe(String(Buffer.byteLength(body)))
    expect(type).toBe(expected.headers['content-type'])
    expect(Object.keys(others).filter((header) => header.startsWith('x-loom'))).toEqual([])
  })
})

/** The first place where two texts differ: a whole one has megabytes. */
function differenceOf(actual: string, expected: string): string {
  let at = 0
  while (actual[at] === expected[at]) at++
  const around = (text: string) => text.slice(Math.max(0, at - 80), at + 80)
  return `at ${at}: ${around(actual)} instead of ${around(expected)}`
}

describe('a large body', () => {
  const wire = wires['Anthropic']
  if (wire === undefined) throw new Error('no wire')
  const prompt = prompts['a picture'] ?? []

  it('is sent again in another form', async () => {
    answers.push([400, '{"error":{"message":"temperature: unsupported parameter"}}'])
    const { requests } = await asked(await loomModel(wire), { prompt, temperature: 0.5 })
    const bodies = requests.map(({ body }): Record<string, unknown> => JSON.parse(body))
    expect(bodies.map(({ temperature }) => temperature)).toEqual([0.5, undefined])
    for (const { messages } of bodies) expect(JSON.stringify(messages)).toContain(png)
  })

  it('holds the extra body', async () => {
    const providerOptions = { loom: { extraBody: { metadata: { user_id: 'u' } } } }
    const { requests } = await asked(await loomModel(wire), { prompt, providerOptions })
    expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({ metadata: { user_id: 'u' } })
    expect(requests[0]?.body).toContain(png)
  })

  it('follows a redirect', async () => {
    answers.push([307, ''])
    const { requests } = await asked(await loomModel(wire), { prompt })
    expect(requests.length).toBe(2)
    expect(requests[1]?.body).toBe(requests[0]?.body)
  })

  it('goes through a proxy in one piece', async () => {
    const { requests } = await asked(await loomModel(wire, networkFetch({ http_proxy: url })), {
      prompt,
    })
    expect(requests[0]?.body).toContain(png)
    expect(requests[0]?.headers['content-length']).toBe(String(requests[0]?.body.length))
  })

  it('stops when the call is aborted', async () => {
    const abort = new AbortController()
    const count = received.length
    onStart = () => abort.abort(new Error('enough'))
    const huge = [
      user(...Array.from({ length: 20 }, () => file('image/png', base64('\x89PNG', 9e6)))),
    ]
    const call = asked(await loomModel(wire), { prompt: huge, abortSignal: abort.signal })
    const { message } = await within(20_000, 'the end of the call', call)
    onStart = () => undefined
    expect(message).toBe('enough')
    expect(received.length).toBe(count)
  })
})
