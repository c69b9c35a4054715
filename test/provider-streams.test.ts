/**
 * Streams in the forms of real providers, from bytes on a socket to the message, its usage and its cost.
 * The prices are those of the list that is part of Loom. The costs were computed by hand, with the sums
 * in the comments.
 */
import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import { Registry } from '../src/model/registry.ts'
import { createModels } from '../src/model/resolve.ts'
import { everyHost } from './every-host.ts'
import { agentOf, record } from './recorded-run.ts'

const registry = new Registry()

/** The server does not run this tool, so that the turn ends with the call. */
const clock = defineTool({
  name: 'clock',
  description: 'The time in a zone.',
  inputSchema: z.object({ zone: z.string() }),
})

async function answerOf(stream: string, model: string, variable: string) {
  const body = readFileSync(
    new URL(`fixtures/provider-streams/${stream}.sse`, import.meta.url),
    'utf8',
  )
  const host = await everyHost(body)
  const environment = { [variable]: 'key-of-the-test' }
  const models = createModels({ environment, registry, transport: host.transport })
  return record(agentOf({ model, tools: [clock] }), 'Hi', { models })
}

const contentOf = ({ message }: Awaited<ReturnType<typeof answerOf>>) =>
  message.parts.flatMap((part) =>
    part.type === 'text' || part.type === 'reasoning'
      ? [[part.type, part.text]]
      : 'input' in part
        ? [[part.type, part.input]]
        : [],
  )

describe('a stream in the form of', () => {
  it('OpenRouter: comments, `reasoning`, and the reported cost', async () => {
    const run = await answerOf(
      'openrouter',
      'openrouter/anthropic/claude-sonnet-4.6',
      'OPENROUTER_API_KEY',
    )
    expect(contentOf(run)).toEqual([
      ['reasoning', 'The user wants a greeting.'],
      ['text', 'Hello there.'],
    ])
    expect(run.result.usage).toEqual({
      inputTokens: 1200,
      outputTokens: 30,
      totalTokens: 1230,
      cachedInputTokens: 1000,
      reasoningTokens: 10,
    })
    // By the list it would be 200 * 3 + 1000 * 0.3 + 30 * 15 = 1350 millionths. This is the bill.
    expect(run.result.cost).toEqual({ usd: 0.00123 })
  })

  it('DeepSeek: `reasoning_content`, null contents, usage with the finish', async () => {
    const run = await answerOf('deepseek', 'deepseek/deepseek-v4-flash', 'DEEPSEEK_API_KEY')
    expect(contentOf(run)).toEqual([
      ['reasoning', 'A greeting.'],
      ['text', 'Hello there.'],
    ])
    // 36 * 0.15 + 64 * 0.003 + 12 * 0.6 + 8 * 0.6 = 17.592 millionths
    expect(run.result.cost).toEqual({ usd: 0.000017592 })
  })

  it('Fireworks: a call in deltas, usage in a chunk without choices', async () => {
    const run = await answerOf(
      'fireworks',
      'fireworks/accounts/fireworks/models/kimi-k3',
      'FIREWORKS_API_KEY',
    )
    expect(contentOf(run)).toEqual([
      ['reasoning', 'The clock knows.'],
      ['tool-clock', { zone: 'UTC' }],
    ])
    expect(run.result).toMatchObject({ outcome: 'waiting', finishReason: 'tool-calls' })
    // 100 * 3 + 200 * 0.3 + 40 * 15 = 960 millionths
    expect(run.result.cost).toEqual({ usd: 0.00096 })
  })

  it('Groq: `reasoning`, whole calls in one chunk, usage twice', async () => {
    const run = await answerOf('groq', 'groq/openai/gpt-oss-120b', 'GROQ_API_KEY')
    expect(contentOf(run)).toEqual([
      ['reasoning', 'Two clocks.'],
      ['tool-clock', { zone: 'UTC' }],
      ['tool-clock', { zone: 'CET' }],
    ])
    // 150 * 0.15 + 50 * 0.6 = 52.5 millionths
    expect(run.result.cost).toEqual({ usd: 0.0000525 })
  })

  it('a server on this machine: CRLF, a whole call, no usage at all', async () => {
    const run = await answerOf('lmstudio', 'lmstudio/openai/gpt-oss-20b', 'UNUSED_API_KEY')
    expect(contentOf(run)).toEqual([
      ['reasoning', 'Hm.'],
      ['tool-clock', { zone: 'UTC' }],
    ])
    expect(run.result.usage.totalTokens).toBe(0)
    expect(run.result.cost).toBeUndefined()
  })

  it('vLLM behind SiliconFlow: nulls everywhere, usage in every chunk', async () => {
    const run = await answerOf(
      'siliconflow',
      'siliconflow/tencent/Hunyuan-A13B-Instruct',
      'SILICONFLOW_API_KEY',
    )
    expect(contentOf(run)).toEqual([['text', 'Hello there.']])
    expect(run.result.usage).toMatchObject({ inputTokens: 7, outputTokens: 3 })
    // 7 * 0.14 + 3 * 0.57 = 2.69 millionths, reported to the billionth
    expect(run.result.cost).toEqual({ usd: 0.00000269 })
  })

  it('xAI: reasoning that is counted beside the completion', async () => {
    const run = await answerOf('xai', 'xai/grok-none-of-the-list', 'XAI_API_KEY')
    expect(contentOf(run)).toEqual([
      ['reasoning', 'Thinking... '],
      ['text', 'Hello there.'],
    ])
    expect(run.result.usage).toEqual({
      inputTokens: 32,
      outputTokens: 103,
      totalTokens: 135,
      cachedInputTokens: 6,
      reasoningTokens: 94,
    })
    expect(run.result.cost).toBeUndefined()
  })
})
