import type { ModelMessage } from 'ai'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { LoomError } from '../src/ground/error.ts'
import { userMessage } from '../src/message.ts'
import { coveredBy } from '../src/runner/compaction/assemble.ts'
import { Breaker, Breakers } from '../src/runner/compaction/breaker.ts'
import { chooseCut, cutsIn } from '../src/runner/compaction/cut.ts'
import { messageTokens, textTokens, tokensOf } from '../src/runner/compaction/estimate.ts'
import { limitsOf, thresholdOf } from '../src/runner/compaction/limits.ts'
import { Origins } from '../src/runner/compaction/origins.ts'
import { cutMiddle, shortMessage, shortText } from '../src/runner/compaction/shorten.ts'
import { withStubs } from '../src/runner/compaction/stubs.ts'
import { summarise } from '../src/runner/compaction/summarise.ts'
import { anyHistory, call, conversation, result } from './conversations.ts'

/** A text of about this many tokens. */
const long = (tokens: number) => 'word '.repeat(Math.floor(tokens / 1.1))

/** A question, a call with an output of about this many tokens, and an answer. */
const exchange = (id: string, tokens: number): ModelMessage[] => [
  userMessage(`Question ${id}`),
  { role: 'assistant', content: [call(id)] },
  { role: 'tool', content: [result(id, long(tokens))] },
  { role: 'assistant', content: `Answer ${id}` },
]

describe('the estimate', () => {
  // Counts by o200k_base, the tokenizer of OpenAI's models.
  const counted: [string, string, number][] = [
    ['prose', 'The quick brown fox jumps over the lazy dog, again and again. '.repeat(20), 281],
    ['German', 'Die Zusammenfassung der Unterhaltung steht neben dem Verlauf. '.repeat(20), 201],
    ['code', 'if (value !== undefined) return { ...rest, value: value.trim() }\n'.repeat(20), 340],
    ['JSON', '{"id":"8f14e45f-ceea-467f-a0e6-1b0a8e3c9d2e","n":0.7231,"ok":true},'.repeat(20), 841],
    ['numbers', '48213 90412 77 18264 5501 '.repeat(40), 560],
  ]
  it.each(counted)('the estimate of %s is between once and twice the count', (_, text, tokens) => {
    expect(textTokens(text)).toBeGreaterThanOrEqual(tokens)
    expect(textTokens(text)).toBeLessThan(tokens * 1.6)
  })

  it('every character counts in languages without spaces', () => {
    expect(textTokens('織'.repeat(1000))).toBeGreaterThanOrEqual(1000)
  })

  it.each(['a', ' ', '\n', '0', '{', '語', '😀', 'é'])(
    'the estimate of 100 KB of %j is fast',
    (text) => {
      const much = text.repeat(100_000 / text.length)
      const times = Array.from({ length: 3 }, () => {
        const started = performance.now()
        textTokens(much)
        cutMiddle(much, 1000)
        shortText(much, 100)
        return performance.now() - started
      })
      // Other processes use this machine too.
      expect(Math.min(...times)).toBeLessThan(50)
    },
  )

  it('every file has the same estimate at any place', () => {
    const data = 'A'.repeat(1_000_000)
    const image = { type: 'file' as const, data, mediaType: 'image/png' }
    const inOutput = {
      type: 'content' as const,
      value: [{ type: 'image-data' as const, data, mediaType: 'image/png' }],
    }
    expect(messageTokens(userMessage([image]))).toBeLessThan(2000)
    const message: ModelMessage = { role: 'tool', content: [{ ...result('a'), output: inOutput }] }
    expect(messageTokens(message)).toBeLessThan(2000)
  })

  it('a field of a tool call is not a file', () => {
    const value = { data: long(5000), image: long(5000) }
    const output = { type: 'json' as const, value }
    const message: ModelMessage = { role: 'tool', content: [{ ...result('a'), output }] }
    expect(messageTokens(message)).toBeGreaterThan(9000)
  })
})

describe('the limits', () => {
  it('the limits leave room for the answer and part of small windows', () => {
    expect(thresholdOf(200_000, undefined, {})).toBe(184_000)
    expect(thresholdOf(200_000, 128_000, {})).toBe(168_000)
    expect(thresholdOf(200_000, 20_000, {})).toBe(180_000)
    expect(thresholdOf(8192, 8192, {})).toBe(6144)
    expect(thresholdOf(0, undefined, {})).toBe(Number.POSITIVE_INFINITY)
    expect(thresholdOf(8192, undefined, { threshold: 100_000 })).toBe(8192)
  })

  it('the limits divide the room that the instructions leave', () => {
    const big = limitsOf({ window: 200_000, threshold: 184_000, overhead: 4000 }, {})
    expect(big).toMatchObject({ room: 180_000, keep: 20_000, summary: 4000 })
    const small = limitsOf({ window: 8192, threshold: 6144, overhead: 1144 }, { keepTokens: 500 })
    expect(small).toMatchObject({ room: 5000, keep: 500 })
    expect(limitsOf({ window: 8192, threshold: 6144, overhead: 7000 }, {}).room).toBe(596)
  })
})

describe('a text with its middle left out', () => {
  it('a shortened text keeps its ends and whole characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.nat(200), (text, length) => {
        const shorter = cutMiddle(text, length)
        expect(shorter.isWellFormed()).toBe(text.isWellFormed())
        expect(shorter.length).toBeLessThanOrEqual(text.length)
        expect(text.startsWith(shorter.split('\n[…')[0] ?? '')).toBe(true)
      }),
    )
    expect(cutMiddle(`begin ${'.'.repeat(5000)} end`, 100)).toMatch(
      /^begin \.+\n\[… 49\d\d characters left out …\]\n\.+ end$/,
    )
  })

  it('a shortened message keeps its structure', () => {
    const message: ModelMessage = {
      role: 'assistant',
      content: [
        { ...call('a'), input: { path: 'a.txt', content: long(1000), list: [1, long(500)] } },
      ],
    }
    expect(shortMessage(message, 50)).toMatchObject({
      content: [{ toolCallId: 'a', input: { path: 'a.txt', list: [1, expect.any(String)] } }],
    })
    expect(messageTokens(shortMessage(message, 50))).toBeLessThan(200)
  })
})

describe('stubs', () => {
  it('stubs replace old outputs and keep every message', () => {
    const outputs: [string, number][] = [
      ['a', 40_000],
      ['b', 40_000],
      ['c', 40_000],
      ['d', 9000],
    ]
    const messages = outputs.flatMap(([id, tokens]) => exchange(id, tokens))
    const shorter = withStubs(messages, 20_000)
    expect(shorter).toHaveLength(16)
    expect(shorter[2]).toMatchObject({
      content: [
        { toolCallId: 'a', output: { type: 'text', value: 'Output removed to save space.' } },
      ],
    })
    expect(shorter[14]).toBe(messages[14])
  })

  it('stubs are not longer than the outputs they replace', () => {
    const messages = [...exchange('a', 2), ...exchange('b', 10_000), ...exchange('c', 10)]
    expect(withStubs(messages, 1000)[2]).toBe(messages[2])
  })

  it('stubs keep the ends of a new long output', () => {
    const messages = exchange('a', 50_000).slice(0, 3)
    const [, , tool] = withStubs(messages, 4000)
    expect(JSON.stringify(tool)).toMatch(/word.*characters left out.*word/)
    expect(messageTokens(messages[2] ?? userMessage(''))).toBeGreaterThan(45_000)
    expect(messageTokens(tool ?? userMessage(''))).toBeLessThan(2500)
  })

  it("stubs keep the results of a provider's own tools", () => {
    const own: ModelMessage[] = [
      userMessage('Find.'),
      { role: 'assistant', content: [call('p', { providerExecuted: true })] },
      { role: 'tool', content: [result('p', long(9000))] },
      ...exchange('a', 5000),
    ]
    expect(withStubs(own, 1000)[2]).toBe(own[2])
  })
})

describe('a cut', () => {
  it('a cut never separates a call from its result', () => {
    fc.assert(
      fc.property(anyHistory, (messages) => {
        for (const [cut, isCut] of cutsIn(messages).entries()) {
          if (!isCut) continue
          expect(['user', 'assistant']).toContain(messages[cut]?.role)
          const [before, after] = [messages.slice(0, cut), messages.slice(cut)]
          // Every pair of the whole is a pair on one side.
          expect(pairsIn(before) + pairsIn(after)).toBe(pairsIn(messages))
        }
      }),
    )
  })

  it('a cut never separates an approval from its decision', () => {
    const approval = { type: 'tool-approval-request' as const, approvalId: 'y', toolCallId: 'a' }
    const messages: ModelMessage[] = [
      userMessage('Go.'),
      { role: 'assistant', content: [call('a'), approval] },
      { role: 'assistant', content: 'Meanwhile.' },
      {
        role: 'tool',
        content: [{ type: 'tool-approval-response', approvalId: 'y', approved: true }],
      },
      { role: 'assistant', content: 'Done.' },
    ]
    expect(cutsIn(messages)).toEqual([true, true, false, false, true])
  })

  it('a cut is before a user message near the limit', () => {
    const origins = new Origins()
    const messages = Array.from({ length: 20 }, (_, index) => exchange(String(index), 100)).flat()
    const cut = chooseCut(messages, 600, origins) ?? 0
    expect(messages[cut]?.role).toBe('user')
    expect(tokensOf(messages.slice(cut))).toBeLessThan(600)
    expect(tokensOf(messages.slice(cut))).toBeGreaterThan(400)
  })

  it('a cut can be within the work on one question', () => {
    const steps = Array.from({ length: 20 }, (_, index) => exchange(String(index), 100).slice(1, 3))
    const messages = [userMessage('Go.'), ...steps.flat()]
    const cut = chooseCut(messages, 600, new Origins()) ?? 0
    expect(messages[cut]?.role).toBe('assistant')
    expect(tokensOf(messages.slice(cut))).toBeLessThan(600)
  })

  it('a cut always removes more than a summary', () => {
    fc.assert(
      fc.property(conversation, fc.nat(500), fc.boolean(), (messages, keep, summarised) => {
        const origins = new Origins()
        const view = summarised ? [origins.summary('Before.'), ...messages] : messages
        const cut = chooseCut(view, keep, origins)
        if (cut === undefined) return
        expect(cutsIn(view)[cut]).toBe(true)
        const covered = coveredBy(view, cut, origins)
        expect(covered.messages.length).toBeGreaterThan(0)
        expect(covered.previous).toBe(summarised ? 'Before.' : undefined)
      }),
    )
  })
})

describe('a summary', () => {
  const ask =
    (questions: string[], limit = Number.POSITIVE_INFINITY) =>
    (question: string) => {
      if (textTokens(question) > limit) {
        return Promise.reject(new LoomError('context-overflow', 'too long'))
      }
      questions.push(question)
      return Promise.resolve(`Summary ${questions.length}.`)
    }
  const task = { previous: undefined, length: 500 }

  it('a summary covers texts without reasoning and shortens long outputs', async () => {
    const questions: string[] = []
    const messages: ModelMessage[] = [
      ...exchange('a', 9000),
      { role: 'assistant', content: [{ type: 'reasoning', text: 'SECRET' }] },
    ]
    await summarise({ ...task, messages, room: 5000, ask: ask(questions) })
    expect(questions).toHaveLength(1)
    expect(questions[0]).toContain('Question a')
    expect(questions[0]).toContain('calls clock with {"zone":"UTC"}')
    expect(questions[0]).toContain('characters left out')
    expect(questions[0]).not.toContain('SECRET')
    expect(questions[0]?.length).toBeLessThan(3000)
  })

  it('a summary is written in pieces, each with the one before', async () => {
    const questions: string[] = []
    const messages = Array.from({ length: 10 }, () => userMessage(long(500)))
    const summary = await summarise({
      ...task,
      messages,
      previous: 'Old.',
      room: 1600,
      ask: ask(questions),
    })
    expect(summary).toBe(`Summary ${questions.length}.`)
    expect(questions.length).toBeGreaterThan(3)
    expect(questions[0]).toContain('<earlier-summary>\nOld.\n')
    expect(questions[1]).toContain('<earlier-summary>\nSummary 1.\n')
  })

  it('a summary needs a bounded number of calls', async () => {
    const questions: string[] = []
    const messages = Array.from({ length: 3000 }, (_, index) => exchange(`${index}`, 500)).flat()
    await summarise({ ...task, messages, room: 2000, ask: ask(questions) })
    expect(questions.length).toBeLessThan(30)
    expect(questions[0]).toContain('Question 0')
    expect(questions.at(-1)).toContain('Answer 2999')
  })

  it('a piece that is too long is divided', async () => {
    const questions: string[] = []
    const messages = Array.from({ length: 10 }, () => userMessage(long(500)))
    await summarise({ ...task, messages, room: 4000, ask: ask(questions, 1500) })
    expect(questions.length).toBeGreaterThan(4)
    const never = summarise({ ...task, messages, room: 4000, ask: ask([], 10) })
    await expect(never).rejects.toThrow('too long')
  })

  it('an empty summary is an error', async () => {
    const messages = [userMessage('Hi')]
    const empty = summarise({ ...task, messages, room: 100, ask: () => Promise.resolve(' \n') })
    await expect(empty).rejects.toThrow('empty summary')
  })
})

describe('a breaker', () => {
  it('a breaker opens after three failures and closes after a rest', () => {
    let now = 0
    const breaker = new Breaker(() => now)
    breaker.recordFailure()
    breaker.recordFailure()
    breaker.recordSuccess()
    breaker.recordFailure()
    breaker.recordFailure()
    expect(breaker.isOpen).toBe(false)
    breaker.recordFailure()
    expect(breaker.isOpen).toBe(true)
    now += 10 * 60_000
    expect(breaker.isOpen).toBe(false)
    breaker.recordFailure()
    expect(breaker.isOpen).toBe(true)
  })

  it('a breaker is kept for the most recently used sessions', () => {
    const breakers = new Breakers(2)
    const first = breakers.for('a')
    breakers.for('b')
    expect(breakers.for('a')).toBe(first)
    breakers.for('c')
    expect(breakers.for('a')).toBe(first)
    breakers.for('d')
    breakers.for('e')
    expect(breakers.for('a')).not.toBe(first)
  })
})

/** Results whose call comes before them, each call once. */
function pairsIn(messages: readonly ModelMessage[]): number {
  const open = new Set<string>()
  let pairs = 0
  for (const { content } of messages) {
    if (typeof content === 'string') continue
    for (const part of content) {
      if (part.type === 'tool-call') open.add(part.toolCallId)
      if (part.type === 'tool-result' && open.delete(part.toolCallId)) pairs++
    }
  }
  return pairs
}
