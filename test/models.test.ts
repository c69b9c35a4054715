/** Resolves model strings, and calls models of every protocol over real sockets. */
import type { IncomingHttpHeaders } from 'node:http'

import type {
  JSONObject,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { LLMock } from '@copilotkit/aimock'
import { MockLanguageModelV3, MockLanguageModelV4 } from 'ai/test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { LoomError } from '../src/ground/error.ts'
import { nearestNames } from '../src/ground/nearest.ts'
import { isDirectModel } from '../src/model.ts'
import { nearestModels } from '../src/model/nearest-models.ts'
import { createModels } from '../src/model/resolve.ts'
import { openServer } from './fixtures/open-server.ts'

const prompt = (text: string): LanguageModelV4CallOptions['prompt'] => [
  { role: 'user', content: [{ type: 'text', text }] },
]
const clock = {
  type: 'function' as const,
  name: 'clock',
  description: 'The time in a zone.',
  inputSchema: { type: 'object' as const, properties: { zone: { type: 'string' as const } } },
}

describe('createModels', () => {
  it('a model string is split at the first slash', async () => {
    const models = createModels({
      environment: { ROUTER_BASE_URL: 'http://127.0.0.1:1/v1' },
    })
    const model = await models.resolve('router/meta/llama-3:free')
    expect(model).toMatchObject({ provider: 'router', modelId: 'meta/llama-3:free' })
  })

  it('the same string resolves to the same object', async () => {
    const models = createModels({ environment: { A_B_BASE_URL: 'http://127.0.0.1:1' } })
    const [first, second] = await Promise.all([models.resolve('a-b/c'), models.resolve('a-b/c')])
    expect(second).toBe(first)
    expect(await models.resolve('a-b/c')).toBe(first)
    expect(await models.resolve('a-b/d')).not.toBe(first)
  })

  it('a bounded number of recently used models is kept', async () => {
    const models = createModels({ environment: { A_BASE_URL: 'http://127.0.0.1:1' } })
    const often = await models.resolve('a/often')
    const once = await models.resolve('a/once')
    for (let index = 0; index < 1000; index++) {
      await models.resolve(`a/${index}`)
      expect(await models.resolve('a/often')).toBe(often)
    }
    expect(await models.resolve('a/once')).not.toBe(once)
  })

  it('model objects are returned, and older ones adapted once', async () => {
    const models = createModels({ environment: {} })
    const four = new MockLanguageModelV4()
    const three = new MockLanguageModelV3()
    expect(await models.resolve(four)).toBe(four)
    const adapted = await models.resolve(three)
    expect(adapted.specificationVersion).toBe('v4')
    expect(await models.resolve(three)).toBe(adapted)
  })

  it('the demo needs no configuration', async () => {
    const models = createModels({ environment: { DEMO_BASE_URL: 'nonsense' } })
    expect(models.providers).toEqual(['demo'])
    const model = await models.resolve('demo/assistant')
    expect(isDirectModel(model)).toBe(true)
  })

  it('configured providers are listed', () => {
    const models = createModels({
      environment: {
        ANTHROPIC_API_KEY: 'key-of-anthropic',
        GEMINI_API_KEY: 'key-of-google',
        OPENAI_API_KEY: ' ',
        FIREWORKS_AI_BASE_URL: 'https://api.fireworks.ai/inference/v1',
        VITE_BASE_URL: '/app',
        GROQ_API_KEY: 'key-of-groq',
      },
      providers: { corp: { baseUrl: 'http://127.0.0.1:1' } },
    })
    expect([...models.providers].sort()).toEqual([
      'anthropic',
      'corp',
      'demo',
      'fireworks-ai',
      'google',
    ])
  })

  it('errors name the missing setting in one line', async () => {
    const models = createModels({
      environment: {
        HOMEMADE_API_KEY: 'key-of-mine',
        BAD_BASE_URL: 'localhost:8080/v1',
        USER_BASE_URL: 'http://me:secret@127.0.0.1/v1',
        ANTHROPIC_BASE_URL: 'sk-ant-misplaced',
      },
      providers: { corp: { baseUrl: 'ftp://files' } },
    })
    const cases: [reference: string, code: string, ...words: string[]][] = [
      ['gpt-5', 'unknown-model', '"gpt-5"', '"provider/model-id"', '"demo/assistant"'],
      ['/gpt-5', 'unknown-model', '"provider/model-id"'],
      ['openai/', 'unknown-model', '"provider/model-id"'],
      ['', 'unknown-model', '"provider/model-id"'],
      [`a/${'x'.repeat(600)}`, 'unknown-model', '"provider/model-id"'],
      ['openai/gpt-5', 'missing-key', '"openai/gpt-5"', 'OPENAI_API_KEY'],
      ['google/gemini-3', 'missing-key', 'GOOGLE_API_KEY', 'GEMINI_API_KEY'],
      ['homemade/llama', 'unknown-model', 'HOMEMADE_API_KEY is set', 'HOMEMADE_BASE_URL'],
      ['opneai/gpt-5', 'unknown-model', 'Did you mean "openai"?', 'OPNEAI_BASE_URL'],
      ['firewrks/x', 'unknown-model', 'Did you mean "fireworks"', 'FIREWRKS_BASE_URL'],
      ['fireworks-ai/x', 'missing-key', 'set FIREWORKS_API_KEY.'],
      ['fireworks/x', 'missing-key', 'set FIREWORKS_API_KEY.'],
      ['sap-ai-core/x', 'unknown-model', 'protocol of its own', 'SAP_AI_CORE_BASE_URL'],
      ['a\nb/x', 'unknown-model', String.raw`"a\nb"`, 'A_B_BASE_URL'],
      ['constructor/x', 'unknown-model', 'CONSTRUCTOR_BASE_URL'],
      ['__proto__/x', 'unknown-model', '__PROTO___BASE_URL'],
      ['bad/x', 'invalid-config', 'BAD_BASE_URL must be an address'],
      ['user/x', 'invalid-config', 'USER_BASE_URL must not hold a user name or password'],
      ['anthropic/claude', 'invalid-config', 'ANTHROPIC_BASE_URL must be an address'],
      ['corp/x', 'invalid-config', 'baseUrl of provider "corp" must be an address'],
      ['demo/none', 'unknown-model', 'demo/assistant'],
    ]
    for (const [reference, code, ...words] of cases) {
      const error = await models.resolve(reference).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error, reference).toBeInstanceOf(LoomError)
      if (!(error instanceof LoomError)) continue
      expect(error.code, reference).toBe(code)
      expect(error.message).not.toMatch(/\n|secret|misplaced/)
      expect(error.message.length).toBeLessThan(400)
      for (const word of words) expect(error.message).toContain(word)
    }
  })

  it('every known key is redacted', () => {
    const models = createModels({
      environment: {
        OPENAI_API_KEY: 'sk-abcdefgh',
        LONGER_API_KEY: 'sk-abcdefgh-and-more',
        ODD_API_KEY: 'a+b/c=(d).*$1',
        OLLAMA_API_KEY: 'ollama',
        SPACED_API_KEY: ' spaced-key\n',
        OPENAI_BASE_URL: 'http://127.0.0.1:1234/v1',
      },
      providers: {
        corp: {
          baseUrl: 'http://127.0.0.1:1',
          apiKey: 'corp-key-1',
          headers: { authorization: 'Bearer token-of-corp', 'x-team': 'platform-team' },
        },
      },
    })
    const text =
      'sk-abcdefgh sk-abcdefgh-and-more a+b/c=(d).*$1 ollama spaced-key corp-key-1 ' +
      'token-of-corp platform-team http://127.0.0.1:1234/v1 ?key=a%2Bb%2Fc%3D(d).*%241'
    expect(models.redact(text)).toBe(
      '[redacted] [redacted] [redacted] ollama [redacted] [redacted] ' +
        '[redacted] platform-team http://127.0.0.1:1234/v1 ?key=[redacted]',
    )
    expect(createModels({ environment: {} }).redact(text)).toBe(text)
  })
})

describe('nearestNames', () => {
  it('similar names are found and others are not', () => {
    const names = ['anthropic', 'openai', 'google', 'demo']
    expect(nearestNames('anthropci', names)).toEqual(['anthropic'])
    expect(nearestNames('open-ai', names)).toEqual(['openai'])
    expect(nearestNames('gogle', names)).toEqual(['google'])
    expect(nearestNames('groq', names)).toEqual([])
    expect(nearestNames('mistral', names)).toEqual([])
    expect(nearestNames('x'.repeat(10_000), names)).toEqual([])
  })

  it('models are found by the last part of their ids', () => {
    const ids = [
      'accounts/fireworks/models/kimi-k3',
      'accounts/fireworks/routers/kimi-k3-fast',
      'accounts/fireworks/models/glm-5p3',
      'anthropic/claude-sonnet-4.6',
    ]
    expect(nearestModels('kimi-k3', ids)[0]).toBe('accounts/fireworks/models/kimi-k3')
    expect(nearestModels('accounts/fireworks/models/kimi-k2', ids)[0]).toBe(ids[0])
    expect(nearestModels('claude', ids)).toEqual(['anthropic/claude-sonnet-4.6'])
    expect(nearestModels('claude-sonet-4.6', ids)).toEqual(['anthropic/claude-sonnet-4.6'])
    expect(nearestModels('nothing-of-the-kind', ids)).toEqual([])
    expect(nearestModels('a/', ids)).toEqual([])
  })
})

describe('models over real sockets', () => {
  const mock = new LLMock({ port: 0 })
  let root: string

  beforeAll(async () => {
    mock.onMessage('hello', { content: 'Hi there, how are you?' })
    // Gemini itself ends a call with STOP, where the mock would send FUNCTION_CALL.
    mock.on(
      { userMessage: 'time', model: /gemini/ },
      { toolCalls: [{ name: 'clock', arguments: '{"zone":"UTC"}' }], finishReason: 'stop' },
    )
    mock.onMessage('time', { toolCalls: [{ name: 'clock', arguments: '{"zone":"UTC"}' }] })
    root = await mock.start()
  })
  afterAll(() => mock.stop())

  const references = {
    'openai/gpt-5': 'OPENAI',
    'anthropic/claude-sonnet-4-5': 'ANTHROPIC',
    'google/gemini-2.5-flash': 'GOOGLE',
    'local/llama': 'LOCAL',
  }
  const paths = {
    'openai/gpt-5': /^\/v1\/responses$/,
    'anthropic/claude-sonnet-4-5': /^\/v1\/messages$/,
    'google/gemini-2.5-flash': /^\/v1beta\/models\/gemini-2.5-flash:(streamG|g)enerateContent/,
    'local/llama': /^\/v1\/chat\/completions$/,
  }

  for (const [reference, variable] of Object.entries(references)) {
    const base = () => (variable === 'LOCAL' ? `${root}/v1` : root)
    const environment = () => ({
      [`${variable}_BASE_URL`]: base(),
      [`${variable}_API_KEY`]: 'key-of-the-test',
    })

    it(`a text is streamed: ${reference}`, async () => {
      const model = await createModels({ environment: environment() }).resolve(reference)
      const parts = await streamed(model, { prompt: prompt('hello') })
      expect(textOf(parts)).toBe('Hi there, how are you?')
      expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'stop' } })
      expect(parts.filter(({ type }) => type === 'error')).toEqual([])
    })

    it(`a tool is called: ${reference}`, async () => {
      const model = await createModels({ environment: environment() }).resolve(reference)
      const parts = await streamed(model, { prompt: prompt('what time is it'), tools: [clock] })
      const [call] = parts.filter((part) => part.type === 'tool-call')
      expect(call).toMatchObject({ toolName: 'clock' })
      expect(JSON.parse(call?.input ?? '')).toEqual({ zone: 'UTC' })
      expect(parts.at(-1)).toMatchObject({ finishReason: { unified: 'tool-calls' } })
    })

    it(`a whole answer is returned at once: ${reference}`, async () => {
      const model = await createModels({ environment: environment() }).resolve(reference)
      const { content } = await model.doGenerate({ prompt: prompt('hello') })
      expect(content).toMatchObject([{ type: 'text', text: 'Hi there, how are you?' }])
    })
  }

  for (const [reference, path] of Object.entries(paths)) {
    it(`the key, the headers and the extra body are sent: ${reference}`, async () => {
      await using server = await openRecorder()
      const provider = reference.slice(0, reference.indexOf('/'))
      const models = createModels({
        environment: {},
        providers: {
          [provider]: {
            baseUrl: `${server.root}${provider === 'local' ? '/v1' : ''}/`,
            apiKey: 'key-of-the-test',
            headers: { 'x-team': 'platform' },
          },
        },
      })
      const model = await models.resolve(reference)
      const extraBody: JSONObject = {
        custom_field: { grüße: '日本', nested: [1, null] },
        generationConfig: { extra: true },
      }
      for (const call of ['doStream', 'doGenerate'] as const) {
        await expect(
          model[call]({
            prompt: prompt('hello'),
            temperature: 0.5,
            headers: { 'x-trace': 'abc' },
            providerOptions: { loom: { extraBody }, [provider]: extraBody },
          }),
        ).rejects.toThrow()
      }
      expect(server.requests).toHaveLength(2)
      for (const { url, headers, body } of server.requests) {
        expect(url).toMatch(path)
        expect(body).toMatchObject({ custom_field: extraBody['custom_field'] })
        if (provider === 'google') {
          expect(body).toMatchObject({ generationConfig: { extra: true, temperature: 0.5 } })
        }
        expect(JSON.stringify(headers)).toContain('key-of-the-test')
        expect(headers).toMatchObject({ 'x-team': 'platform', 'x-trace': 'abc' })
        expect(Object.keys(headers).filter((name) => name.includes('loom'))).toEqual([])
      }
    })
  }

  it('nothing more is sent without an extra body', async () => {
    await using server = await openRecorder()
    const models = createModels({
      environment: { OPENAI_BASE_URL: server.root, OPENAI_API_KEY: 'key-of-the-test' },
    })
    const model = await models.resolve('openai/gpt-5')
    await expect(model.doStream({ prompt: prompt('hello') })).rejects.toThrow()
    await expect(
      model.doStream({ prompt: prompt('hello'), providerOptions: { loom: { extraBody: 7 } } }),
    ).rejects.toMatchObject({ code: 'invalid-request' })
    expect(server.requests).toHaveLength(1)
    expect(Object.keys(server.requests[0]?.headers ?? {}).join()).not.toContain('loom')
  })

  it('incomplete addresses are completed', async () => {
    await using server = await openRecorder()
    const cases: [reference: string, base: string, path: string][] = [
      ['openai/m', '', '/v1/responses'],
      ['openai/m', '/', '/v1/responses'],
      ['openai/m', '/v1/', '/v1/responses'],
      ['openai/m', '/proxy', '/proxy/responses'],
      ['anthropic/m', '', '/v1/messages'],
      ['anthropic/m', '/v1', '/v1/messages'],
      ['anthropic/m', '/v1/gateway/anthropic', '/v1/gateway/anthropic/v1/messages'],
      ['google/m', '', '/v1beta/models/m:streamGenerateContent'],
      ['google/m', '/v1alpha/', '/v1alpha/models/m:streamGenerateContent'],
      ['google/m', '/v1', '/v1/models/m:streamGenerateContent'],
      ['other/m', '', '/chat/completions'],
      ['other/m', '/v1', '/v1/chat/completions'],
      ['other/m', '/v1?api-version=2', '/v1/chat/completions'],
    ]
    for (const [reference, base, path] of cases) {
      const variable = `${reference.split('/')[0]?.toUpperCase()}_BASE_URL`
      // No key: an address of the user needs none.
      const models = createModels({ environment: { [variable]: server.root + base } })
      const model = await models.resolve(reference)
      await expect(model.doStream({ prompt: prompt('hello') })).rejects.toThrow()
      expect(server.requests.at(-1)?.url.split('?')[0], base).toBe(path)
    }
    expect(server.requests).toHaveLength(cases.length)
  })

  it("a key is required at the provider's own address", async () => {
    const models = createModels({ environment: { OPENAI_BASE_URL: 'https://api.openai.com/v1' } })
    await expect(models.resolve('openai/gpt-5')).rejects.toMatchObject({ code: 'missing-key' })
  })

  it('settings override the environment field by field', async () => {
    await using server = await openRecorder()
    const models = createModels({
      environment: { CORP_BASE_URL: 'http://127.0.0.1:1', CORP_API_KEY: 'key-of-the-test' },
      providers: { corp: { baseUrl: server.root } },
    })
    await expect(
      (await models.resolve('corp/m')).doStream({ prompt: prompt('hello') }),
    ).rejects.toThrow()
    expect(server.requests[0]?.headers.authorization).toBe('Bearer key-of-the-test')
  })
})

async function streamed(
  model: LanguageModelV4,
  options: LanguageModelV4CallOptions,
): Promise<LanguageModelV4StreamPart[]> {
  const parts: LanguageModelV4StreamPart[] = []
  for await (const part of (await model.doStream(options)).stream) parts.push(part)
  return parts
}

const textOf = (parts: readonly LanguageModelV4StreamPart[]) =>
  parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('')

interface Recorded {
  url: string
  headers: IncomingHttpHeaders
  body: unknown
}

/** A server that records every request and refuses it. */
async function openRecorder() {
  const requests: Recorded[] = []
  const server = await openServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
      requests.push({ url: request.url ?? '', headers: request.headers, body })
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end('{"error":{"message":"refused","type":"invalid_request_error"}}')
    })
  })
  return { ...server, requests }
}
