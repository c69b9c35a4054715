/**
 * Texts that a provider's content policy refuses. The turn fails with the reason, and later turns
 * do not.
 */
import { APICallError } from '@ai-sdk/provider'
import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'

import { LoomError } from '../../src/ground/error.ts'
import { createModels, defineAgent, Loom, sessionRoutes } from '../../src/index.ts'
import { TextFilter } from '../../src/runner/text-filter.ts'
import { scriptedModel } from '../scripted-model.ts'
import { openApi, type Refusal } from './refusing-api.ts'

/** The wordings of providers, from their documentation and from public reports. */
const refusals: [provider: string, refusal: Refusal][] = [
  [
    'Azure OpenAI',
    {
      status: 400,
      body: {
        error: {
          code: 'content_filter',
          message:
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
          innererror: { code: 'ResponsibleAIPolicyViolation' },
        },
      },
    },
  ],
  ['DeepSeek', { status: 400, body: { error: { message: 'Content Exists Risk' } } }],
  [
    'DashScope',
    {
      status: 400,
      body: {
        error: {
          code: 'data_inspection_failed',
          message: 'Input data may contain inappropriate content.',
        },
      },
    },
  ],
  [
    'Zhipu',
    {
      status: 400,
      body: { error: { code: '1301', message: '系统检测到输入内容可能包含不安全或敏感内容' } },
    },
  ],
  [
    'OpenRouter',
    {
      status: 403,
      body: { error: { code: 403, message: 'Your input was flagged by moderation.' } },
    },
  ],
]

async function openApp(refusal: Refusal) {
  const api = await openApi('compatible', (body) =>
    body.includes('forbidden') ? refusal : undefined,
  )
  const environment = { MOCK_BASE_URL: api.url }
  const agent = defineAgent({
    name: 'tester',
    systemPrompt: 'Be brief.',
    model: 'mock/m',
    retry: { retries: 0 },
  })
  const loom = new Loom({ agents: [agent], models: createModels({ environment }) })
  const app = new Hono().route('/ai', sessionRoutes(loom))
  const ask = async (id: string, text: string) => {
    const response = await app.request('/ai/chat', {
      method: 'POST',
      body: JSON.stringify({
        id: 'c',
        messages: [{ id, role: 'user', parts: [{ type: 'text', text }] }],
        continues: id !== '1',
      }),
      headers: { accept: 'application/json' },
    })
    const said: { text?: string; error?: unknown } = JSON.parse(await response.text())
    return said
  }
  const history = async () => (await app.request('/ai/chat/c/messages')).text()
  return { api, ask, history }
}

describe.each(refusals)('a text that %s refuses', (_provider, refusal) => {
  it('a refused text fails its own turn only', async () => {
    const { api, ask, history } = await openApp(refusal)
    expect((await ask('1', 'Hello')).text).toBe('Fine.')
    expect((await ask('2', 'something forbidden')).error).toBeDefined()
    expect(api.bodies).toHaveLength(2)
    expect((await ask('3', 'and now?')).text).toBe('Fine.')
    expect(api.bodies.at(-1)).toContain('This text is not shown')
    // The first later message meets the refusal again; after that, the text is left out at once.
    expect(api.bodies).toHaveLength(4)
    expect((await ask('4', 'and then?')).text).toBe('Fine.')
    expect(api.bodies).toHaveLength(5)
    expect(await history()).toContain('something forbidden')
  })
})

it('a refusal of another kind hides no text', async () => {
  const { api, ask } = await openApp({ status: 400, body: { error: { message: 'Bad request' } } })
  await ask('1', 'something forbidden')
  expect((await ask('2', 'and now?')).error).toBeDefined()
  expect(api.bodies.join()).not.toContain('not shown')
})

it('a refused text of a tool is hidden; its call stays', () => {
  const model = scriptedModel()
  const result = (value: string): LanguageModelV4Prompt[number] => ({
    role: 'tool',
    content: [
      { type: 'tool-result', toolCallId: 'c', toolName: 't', output: { type: 'text', value } },
    ],
  })
  const call: LanguageModelV4Prompt[number] = {
    role: 'assistant',
    content: [{ type: 'tool-call', toolCallId: 'c', toolName: 't', input: {} }],
  }
  const said = (text: string): LanguageModelV4Prompt[number] => ({
    role: 'user',
    content: [{ type: 'text', text }],
  })
  const prompt = [said('look'), call, result('forbidden'), said('and now?')]
  const texts = new TextFilter()
  expect(texts.promptFor(model, prompt)).toEqual(prompt)
  const cause = new APICallError({
    message: 'no',
    url: 'http://127.0.0.1',
    requestBodyValues: {},
    statusCode: 400,
    responseBody: 'content_filter',
  })
  expect(texts.recordRefusal(new LoomError('model-failed', 'no', { cause }))).toBe(true)
  const stub = '[This text is not shown: the provider of the model refused it.]'
  expect(texts.promptFor(model, prompt)).toEqual([said(stub), call, result(stub), said('and now?')])
  // The question is sent once more, and not again and again.
  expect(texts.recordRefusal(new LoomError('model-failed', 'no', { cause }))).toBe(false)
})
