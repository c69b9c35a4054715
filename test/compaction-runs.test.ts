import diagnostics from 'node:diagnostics_channel'

import { APICallError } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import type { AgentCompaction } from '../src/compaction.ts'
import type { LoomError } from '../src/ground/error.ts'
import { userMessage } from '../src/message.ts'
import { isOverflow, overflowLimit } from '../src/model/overflow.ts'
import { modelError } from '../src/runner/retry.ts'
import { calculator } from '../tools/calculator.ts'
import { call, result } from './conversations.ts'
import { within } from './deadline.ts'
import { agentOf, ofType, record } from './recorded-run.ts'
import { calls, hangs, says, scriptedModel } from './scripted-model.ts'

const long = (tokens: number) => 'word '.repeat(Math.floor(tokens / 1.1))

const exchange = (id: string, tokens: number): ModelMessage[] => [
  userMessage(`Question ${id}`),
  { role: 'assistant', content: [call(id)] },
  { role: 'tool', content: [result(id, long(tokens))] },
  { role: 'assistant', content: `Answer ${id} ${long(60)}` },
]

/** Too long for a window of 8,000 tokens, but short enough to be summarised in one call. */
const history = () => Array.from({ length: 54 }, (_, index) => exchange(`${index}`, 20)).flat()

const apiError = (statusCode: number, message: string) =>
  new APICallError({ url: '', requestBodyValues: {}, statusCode, message, isRetryable: false })

const tooLong = apiError(400, "This model's maximum context length is 4000 tokens.")

describe('a run whose conversation is too long', () => {
  it('a long conversation is summarised once; the whole chain is returned', async () => {
    const model = scriptedModel(
      says('## Goal\nTo learn.'),
      calls(['calculator', { expr: '1' }]),
      says('Done.'),
    )
    const messages = [...history(), userMessage('And now?')]
    const agent = agentOf({ tools: [calculator], model, contextWindow: 8000 })
    const { result } = await record(agent, messages)
    const [summing, ...answers] = model.asked
    expect(summing?.tools).toBeUndefined()
    expect(summing?.maxOutputTokens).toBeGreaterThan(500)
    expect(JSON.stringify(summing?.prompt)).toContain('Question 0')
    expect(answers).toHaveLength(2)
    for (const { prompt } of answers) {
      expect(prompt[0]).toMatchObject({ role: 'system', content: 'You teach.' })
      expect(JSON.stringify(prompt[1])).toContain('To learn.')
      expect(JSON.stringify(prompt)).toContain('And now?')
      expect(JSON.stringify(prompt).length).toBeLessThan(24_000)
    }
    expect(result.messages.slice(0, 217)).toEqual(messages)
    expect(result.messages).toHaveLength(220)
    // A reply has 15 tokens, and so has the summary.
    expect(result.usage.totalTokens).toBe(45)
  })

  it('a compaction publishes its event', async () => {
    const notes: unknown[] = []
    const note = (message: unknown) => notes.push(message)
    diagnostics.subscribe('loom:context:compact', note)
    onTestFinished(() => void diagnostics.unsubscribe('loom:context:compact', note))
    const model = scriptedModel(says('So far.'), says('Done.'))
    await record(agentOf({ model, contextWindow: 8000 }), [...history(), userMessage('Now?')])
    const count = expect.any(Number)
    expect(notes).toMatchObject([
      {
        measurements: { tokensBefore: count, tokensAfter: count },
        metadata: { removed: count, kept: count },
      },
    ])
  })

  it("another model writes the summary with the agent's own prompt", async () => {
    const writer = scriptedModel(says('Short.'))
    const model = scriptedModel(says('Done.'))
    const compaction = { model: writer, prompt: 'Sum up.' }
    const agent = agentOf({ model, compaction, contextWindow: 8000 })
    await record(agent, [...history(), userMessage('And now?')])
    expect(writer.asked[0]?.prompt[0]).toMatchObject({ role: 'system', content: 'Sum up.' })
    expect(JSON.stringify(model.asked[0]?.prompt)).toContain('Short.')
  })

  it('a run continues without a summary if none is available', async () => {
    const model = scriptedModel(apiError(400, 'No.'), says('Done.'))
    const agent = agentOf({ model, contextWindow: 8000 })
    const { result } = await record(agent, [...history(), ...history(), userMessage('And now?')])
    expect(result.text).toBe('Done.')
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain('were left out')
  })

  it('a summary has the time limit of an answer', async () => {
    const model = scriptedModel(hangs([]), says('Done.'))
    const agent = agentOf({ model, contextWindow: 8000, limits: { firstChunkMs: 30 } })
    const { result } = await record(agent, [...history(), ...history(), userMessage('And now?')])
    expect(result.text).toBe('Done.')
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain('were left out')
  })

  it('the prompt is compacted between steps with long tool outputs', async () => {
    const read = {
      name: 'read',
      description: 'Reads.',
      inputSchema: z.object({}),
      execute: () => long(30_000),
    }
    const steps = Array.from({ length: 6 }, () => calls(['read', {}]))
    const model = scriptedModel(...steps, says('Done.'))
    const agent = agentOf({ tools: [read], model, contextWindow: 8000 })
    const { result } = await record(agent, 'Read it all.')
    expect(result.text).toBe('Done.')
    expect(model.asked).toHaveLength(7)
    for (const { prompt } of model.asked) expect(JSON.stringify(prompt).length).toBeLessThan(32_000)
    expect(JSON.stringify(result.messages).length).toBeGreaterThan(600_000)
  })

  it('an abort ends a run during its summary', async () => {
    const leaving = new AbortController()
    const model = scriptedModel((signal) => {
      queueMicrotask(() => leaving.abort())
      return hangs([])(signal)
    }, says('Never.'))
    const agent = agentOf({ model, contextWindow: 8000 })
    const { error } = await record(agent, [...history(), userMessage('And now?')], {
      signal: leaving.signal,
    })
    expect(error?.code).toBe('aborted')
    expect(model.asked).toHaveLength(1)
  })

  it('a message that is too long alone ends with its reason', async () => {
    const model = scriptedModel(says('Never.'))
    const { error, events } = await record(agentOf({ model, contextWindow: 8000 }), long(12_000))
    expect(error?.code).toBe('context-overflow')
    expect(ofType(events, 'error')[0]?.errorText).toMatch(/^The message is too long for the model/)
    expect(model.asked).toEqual([])
  })

  it('a message that is too long goes to a larger fallback', async () => {
    const small = scriptedModel(tooLong)
    const large = scriptedModel(says('Read.'))
    const agent = agentOf({ model: [small, large] })
    const { result } = await record(agent, long(12_000))
    expect(result.text).toBe('Read.')
  })
})

describe("an agent's own compaction function", () => {
  const messages = () => [...history(), userMessage('And now?')]
  const agentWith = (compaction: AgentCompaction) =>
    agentOf({ model: scriptedModel(says('Never.')), contextWindow: 8000, compaction })

  it('a custom compaction does not delay an abort', async () => {
    const stop = new AbortController()
    const hanging = agentWith(() => {
      stop.abort()
      return new Promise<never>(() => {})
    })
    const ended = record(hanging, messages(), { signal: stop.signal })
    const { error } = await within(8000, 'the end of the run', ended)
    expect(error?.code).toBe('aborted')
  })

  /** The return value of an agent that is written without types. */
  const untyped = (json: string) => (): readonly ModelMessage[] => JSON.parse(json)

  it.each([
    ['nothing', untyped('null')],
    ['an empty list', () => []],
    ['a text', untyped('"short"')],
  ])('a custom compaction that returns %s is an error', async (_what, compaction) => {
    const { error } = await record(agentWith(compaction), messages())
    expect(error?.message).toBe("The agent's compaction gave no list of messages.")
  })
})

/** A model that writes every summary. */
const writer = () => scriptedModel(...Array.from({ length: 9 }, () => says('So far.')))

describe('a prompt that its provider refuses for its length', () => {
  it('a refused prompt is shortened and sent again once', async () => {
    const model = scriptedModel(tooLong, says('Done.'))
    const { result, events } = await record(agentOf({ model, compaction: { model: writer() } }), [
      ...history(),
      userMessage('And now?'),
    ])
    expect(result.text).toBe('Done.')
    const [first, last] = model.asked.map(({ prompt }) => JSON.stringify(prompt).length)
    expect(last).toBeLessThan((first ?? 0) / 3)
    expect(ofType(events, 'error')).toEqual([])
  })

  it('a prompt that is refused twice ends the turn', async () => {
    const model = scriptedModel(tooLong, tooLong, says('Never.'))
    const messages = [...history(), userMessage('And now?')]
    const agent = agentOf({ model, compaction: { model: writer() } })
    const { error } = await record(agent, messages)
    expect(error?.code).toBe('context-overflow')
    expect(model.asked).toHaveLength(2)
  })

  it('a refused prompt is not shortened without compaction', async () => {
    const model = scriptedModel(tooLong, says('Never.'))
    const { error } = await record(agentOf({ model, compaction: false }), history())
    expect(error?.code).toBe('context-overflow')
    expect(model.asked).toHaveLength(1)
  })

  it.each([
    [
      400,
      "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
      8192,
    ],
    [400, 'prompt is too long: 208310 tokens > 200000 maximum', 200_000],
    [
      400,
      'Your input exceeds the context window of this model. Please adjust your input and try again.',
    ],
    [
      400,
      'The input token count (1200000) exceeds the maximum number of tokens allowed (1048575).',
      1_048_575,
    ],
    [400, 'Input is too long for requested model.'],
    [400, 'input length and `max_tokens` exceed context limit: 201000 + 20000 > 200000', 200_000],
    [400, 'Please reduce the length of the messages or completion.'],
    [
      400,
      "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
      131_072,
    ],
    [400, 'The prompt is too long: 140000, model maximum context length: 131071', 131_071],
    [400, 'the request exceeds the available context size, try increasing it'],
    [500, 'context length exceeded'],
    [
      400,
      'Trying to keep the first 7000 tokens when context the overflows. The number of tokens to keep from the initial prompt is greater than the context length.',
    ],
    [400, "The input (9000 tokens) is longer than the model's context length (8192 tokens).", 8192],
    [400, '{"error":{"code":"context_length_exceeded","message":"Too many words."}}'],
    [400, 'invalid params, context window exceeds limit (2013)'],
    [400, 'Your request exceeded model token limit: 8192', 8192],
    [413, 'Request Entity Too Large'],
    [
      400,
      '<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]',
      129_024,
    ],
    [400, 'Prompt exceeds max length'],
    [400, 'Total tokens of image and text exceed max message tokens'],
    [
      400,
      'The decoder prompt (length 9000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller.',
      4096,
    ],
    [400, 'Input validation error: `inputs` must have less than 4095 tokens. Given: 5000', 4095],
    [400, 'prompt token count of 140000 exceeds the limit of 128000', 128_000],
    [
      400,
      'Trying to keep the first 6269 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.',
      4096,
    ],
    [400, 'The total number of tokens in the request (9000) exceeds the model limit (8192)'],
    [400, 'The input is longer than the maximum number of tokens allowed'],
  ] as [number, string, number?][])('is known by %d "%s"', (status, text, limit) => {
    expect(isOverflow(text, status)).toBe(true)
    expect(overflowLimit(text)).toBe(limit)
    const error: LoomError = modelError(apiError(status, text))
    expect(error).toMatchObject({ code: 'context-overflow', retryable: false })
  })

  it.each([
    [429, 'Rate limit reached: 30000 tokens per minute, requested 40000.'],
    [413, 'Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9000'],
    [400, 'Too many tokens, please wait before trying again.'],
    [400, 'max_tokens is too large: 200000. This model supports at most 16384 completion tokens.'],
    [400, 'Invalid schema for function: property name is too long.'],
    [503, 'The model is overloaded.'],
    [400, 'Output token limit exceeded: 9000 of 8192.'],
    [400, 'The tools array is too long: expected at most 128 items.'],
    [400, 'The image exceeds the maximum allowed size.'],
  ])('status %d with "%s" is not an overflow', (status, text) => {
    expect(isOverflow(text, status)).toBe(false)
  })

  it('an overflow is recognised in the middle of a stream', () => {
    const part = { type: 'invalid_request_error', code: 'context_length_exceeded', message: 'No.' }
    expect(modelError(part)).toMatchObject({ code: 'context-overflow' })
  })
})
