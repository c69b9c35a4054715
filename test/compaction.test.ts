import type { ModelMessage } from 'ai'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { compact, estimateTokens } from '../src/compaction.ts'
import { systemMessage, userMessage } from '../src/message.ts'
import { calculator } from '../tools/calculator.ts'
import { call, conversation, result } from './conversations.ts'
import { agentOf, record } from './recorded-run.ts'
import { calls, says, scriptedModel } from './scripted-model.ts'

/** A text of about so many tokens. */
const long = (tokens: number) => 'abcd'.repeat(tokens)

/** A question, a call with an output of about so many tokens, and an answer. */
const exchange = (id: string, tokens: number): ModelMessage[] => [
  userMessage(`Question ${id}`),
  { role: 'assistant', content: [call(id)] },
  { role: 'tool', content: [result(id, long(tokens))] },
  { role: 'assistant', content: `Answer ${id}` },
]

const total = (messages: readonly ModelMessage[]) =>
  messages.reduce((sum, message) => sum + estimateTokens(message), 0)

describe('a conversation that fits', () => {
  it('is left alone', () => {
    expect(compact(exchange('a', 1000), 128_000)).toBeUndefined()
  })

  it.each([0, -1, Number.NaN])('in a window of %d, which is unknown, is never cut', (window) => {
    expect(compact(exchange('a', 1_000_000), window)).toBeUndefined()
  })
})

describe('a conversation that is too long', () => {
  it('loses old tool outputs first, and no message', () => {
    const messages = [...exchange('a', 40_000), ...exchange('b', 40_000), ...exchange('c', 10_000)]
    const compacted = compact(messages, 80_000)
    expect(compacted?.messages).toHaveLength(12)
    expect(compacted?.messages[2]).toMatchObject({
      content: [
        { toolCallId: 'a', output: { type: 'text', value: 'Output removed to save space.' } },
      ],
    })
    expect(compacted?.messages[10]).toBe(messages[10])
    expect(compacted).toMatchObject({ removed: 1, kept: 11 })
    expect(compacted?.tokensBefore).toBe(total(messages))
    expect(compacted?.tokensAfter).toBe(total(compacted?.messages ?? []))
  })

  it('then loses its oldest exchanges, whole', () => {
    const messages = Array.from({ length: 9 }, (_, index) => [
      userMessage(long(1000)),
      ...exchange(String(index), 10).slice(1),
    ]).flat()
    const compacted = compact(messages, 4000)
    expect(compacted?.messages).toEqual(messages.slice(-8))
    expect(compacted).toMatchObject({ removed: 28, kept: 8 })
  })

  it('keeps system messages, and counts them', () => {
    const system = systemMessage(long(1500))
    const messages = [
      userMessage(long(1000)),
      system,
      ...Array.from({ length: 4 }, () => userMessage(long(1000))),
    ]
    const compacted = compact(messages, 4000)
    expect(compacted?.messages).toEqual([system, messages.at(-1)])
    expect(compacted?.tokensAfter).toBeLessThan(3000)
  })

  it('keeps its latest question, also where that alone is too long', () => {
    const messages = [...exchange('a', 10), userMessage(long(9000))]
    expect(compact(messages, 4000)?.messages).toEqual(messages.slice(-1))
    expect(compact(messages.slice(-1), 4000)).toBeUndefined()
  })

  it('keeps short outputs: a stub would be longer', () => {
    const old = exchange('a', 2)
    const messages = [...old, userMessage(long(2000)), ...exchange('b', 40_000)]
    const compacted = compact(messages, 40_000)
    expect(compacted?.messages.find(({ role }) => role === 'tool')).toMatchObject({
      content: [{ toolCallId: 'b' }],
    })
    const fits = compact([...old, ...exchange('b', 30_000), ...exchange('c', 25_000)], 60_000)
    expect(fits?.messages[2]).toBe(old[2])
  })
})

describe('the estimate', () => {
  it('is a quarter of the bytes, in any script', () => {
    expect(estimateTokens(userMessage(long(1000)))).toBeCloseTo(1000, -1)
    expect(estimateTokens(userMessage('語'.repeat(1000)))).toBeCloseTo(750, -1)
  })

  it('counts files flat, wherever they are', () => {
    const data = 'A'.repeat(1_000_000)
    const image = { type: 'file' as const, data, mediaType: 'image/png' }
    const inOutput = {
      type: 'content' as const,
      value: [{ type: 'image-data' as const, data, mediaType: 'image/png' }],
    }
    expect(estimateTokens(userMessage([image]))).toBe(1000)
    expect(estimateTokens({ role: 'tool', content: [{ ...result('a'), output: inOutput }] })).toBe(
      1000,
    )
  })

  it('takes no field of a tool for a file', () => {
    const value = { data: long(5000), image: long(5000) }
    const output = { type: 'json' as const, value }
    const message: ModelMessage = { role: 'tool', content: [{ ...result('a'), output }] }
    expect(estimateTokens(message)).toBeGreaterThan(10_000)
  })
})

describe('any conversation', () => {
  const systems = fc.array(fc.string().map(systemMessage), { maxLength: 2 })
  const cases = fc.record({
    systems,
    messages: conversation,
    window: fc.integer({ min: 0, max: 2000 }),
  })

  it('stays one that a provider takes, and gets shorter', () => {
    fc.assert(
      fc.property(cases, ({ systems, messages, window }) => {
        const given = [...systems, ...messages]
        const before = [...given]
        const compacted = compact(given, window)
        expect(given).toEqual(before)
        if (compacted === undefined) return
        const { messages: shorter, removed, kept, tokensBefore, tokensAfter } = compacted
        expect(window).toBeGreaterThan(0)
        expect(tokensAfter).toBeLessThan(tokensBefore)
        expect(tokensBefore).toBe(total(given))
        expect(removed + kept).toBe(given.length)
        expect(shorter.filter(({ role }) => role === 'system')).toEqual(systems)
        expect(shorter).toContain(given.findLast(({ role }) => role === 'user'))
        expect(shorter.find(({ role }) => role !== 'system')?.role).toBe('user')
        expect(idsOf(shorter, 'tool-result').toSorted()).toEqual(
          idsOf(shorter, 'tool-call').toSorted(),
        )
      }),
    )
  })

  it('is cut no further than it must be', () => {
    fc.assert(
      fc.property(cases, ({ messages, window }) => {
        const compacted = compact(messages, window)
        const budget = window * 0.75
        fc.pre(compacted !== undefined && compacted.tokensAfter > budget)
        // Where it still does not fit, nothing is left that could go.
        const users = compacted?.messages.filter(({ role }) => role === 'user')
        expect(users).toHaveLength(1)
      }),
    )
  })
})

describe('a run', () => {
  it('sends what fits, and gives back the whole chain', async () => {
    const model = scriptedModel(calls(['calculator', { expr: '1' }]), says('Done.'))
    const agent = agentOf({ tools: [calculator], model, contextWindow: 2000 })
    const messages = [...exchange('a', 3000), ...exchange('b', 3000), userMessage('And now?')]
    const { result } = await record(agent, messages)
    expect(result.messages).toHaveLength(12)
    expect(result.messages.slice(0, 9)).toEqual(messages)
    expect(JSON.stringify(model.asked[1]?.prompt).length).toBeLessThan(6000)
  })
})

function idsOf(messages: readonly ModelMessage[], type: string): string[] {
  return messages.flatMap(({ content }) =>
    typeof content === 'string'
      ? []
      : [content]
          .flat()
          .flatMap((part) => ('toolCallId' in part && part.type === type ? [part.toolCallId] : [])),
  )
}
