/** A message in the compact form is small, and every message comes back equal from it. */
import type { UIMessage } from 'ai'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  type CompactMessage,
  compactMessage,
  wholeMessage,
} from '../../src/store/record/message.ts'

const textOf = (message: UIMessage) => JSON.stringify(compactMessage(message))

/** Writes a message as a store does, and reads it again. */
function stored(message: UIMessage): UIMessage {
  const read: UIMessage | CompactMessage = JSON.parse(textOf(message))
  return wholeMessage(read)
}

const json = fc.jsonValue({ maxDepth: 2 })

/** A value of this kind, or now and then any other value. */
const mostly = (usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 12, arbitrary: usual },
    { weight: 1, arbitrary: json },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )

/** Some of these fields, and now and then others. */
const some = (usual: Record<string, fc.Arbitrary<unknown>>, missing: number) => {
  const present = Object.entries(usual).map(([name, value]) =>
    fc.tuple(
      fc.constant(name),
      fc.oneof(
        { weight: 20, arbitrary: value.map((each): [unknown] | undefined => [each]) },
        { weight: missing, arbitrary: fc.constant(undefined) },
      ),
    ),
  )
  const others = fc.oneof(
    { weight: 12, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.dictionary(fc.string(), json) },
    { weight: 1, arbitrary: fc.constant(JSON.parse('{"__proto__": {"agent": "a"}}')) },
  )
  return fc.tuple(fc.tuple(...present), others).map(([entries, more]) => ({
    ...more,
    ...Object.fromEntries(
      entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value[0]]])),
    ),
  }))
}

const word = fc.constantFrom('', 'a', 'Hi.', '[1,2]', '@1', '\ud83d')
const number = fc.constantFrom(0, 1, 2, 17, 0.25, 1_796_023_983_897, Number.NaN)
const providerMetadata = fc.constantFrom({ p: { s: 1 } }, {})
const is = (value: unknown) => fc.constant(value)

const usage = mostly(
  fc
    .tuple(number, number, fc.constantFrom(0, 1), fc.constantFrom(0, 1), fc.constantFrom(0, 0, 1))
    .map(([inputTokens, outputTokens, cachedInputTokens, reasoningTokens, more]) => ({
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens + more,
      cachedInputTokens,
      reasoningTokens,
    })),
)
const cost = mostly(number.map((usd) => ({ usd })))
const step = mostly(some({ model: mostly(word), usage, cost }, 4))

const metadata = fc
  .tuple(
    some(
      {
        agent: mostly(word),
        createdAt: mostly(number),
        model: mostly(word),
        durationMs: mostly(number),
        timeToFirstTokenMs: mostly(number),
        steps: mostly(number),
        usage,
        stepUsage: mostly(fc.array(step, { maxLength: 3 })),
        outcome: mostly(fc.constantFrom('finished', 'aborted', 'error')),
        cost,
        reason: word,
        tasks: is({ 'call-1': { usage: {}, cost: { usd: 1 } } }),
      },
      4,
    ),
    fc.boolean(),
  )
  // Usually, one step has all of it.
  .map(([fields, isOneStep]): object => {
    const { model, usage, cost } = {
      model: undefined,
      usage: undefined,
      cost: undefined,
      ...fields,
    }
    return isOneStep
      ? { ...fields, stepUsage: [{ model, usage, ...(cost !== undefined && { cost }) }] }
      : fields
  })

const done = fc.constantFrom('done', 'done', 'streaming')
const part = fc.oneof(
  some({ type: is('step-start') }, 0),
  some({ type: is('text'), text: mostly(word), state: done }, 1),
  some({ type: is('text'), text: mostly(word) }, 0),
  some({ type: is('text'), text: word, state: done, providerMetadata }, 1),
  some({ type: is('reasoning'), id: word, text: word, state: done, providerMetadata }, 2),
  some(
    {
      type: fc.constantFrom('tool-', 'tool-weather', 'dynamic-tool', 'data-progress'),
      toolName: word,
      toolCallId: mostly(word),
      state: fc.constantFrom('output-available', 'output-available', 'output-error'),
      input: json,
      output: mostly(json),
    },
    3,
  ),
  some(
    {
      type: is('tool-weather'),
      toolCallId: word,
      state: is('output-available'),
      input: json,
      output: json,
    },
    1,
  ),
  some({ type: fc.constantFrom('file', 'source-url', 'custom'), url: word, title: word }, 1),
  json,
)

const message = some(
  {
    id: word,
    role: fc.constantFrom('user', 'assistant', 'system', 'other'),
    parts: fc.array(part, { maxLength: 4 }),
    metadata: fc.oneof({ weight: 5, arbitrary: metadata }, json),
  },
  0,
)
  // The values of a stored message may be of any version.
  .filter((value: unknown): value is UIMessage => value !== undefined)

const text288 = 'word '.repeat(58).slice(0, 288)

const question: UIMessage = {
  id: 'b57a876221cb4698',
  role: 'user',
  parts: [{ type: 'text', text: text288 }],
}
const usageOfOne = {
  inputTokens: 1210,
  outputTokens: 305,
  totalTokens: 1515,
  cachedInputTokens: 1024,
  reasoningTokens: 64,
}
const answer: UIMessage = {
  id: '2fWq8kZb0xTn4vLs',
  role: 'assistant',
  metadata: {
    agent: 'assistant',
    createdAt: 1_796_023_983_897,
    usage: usageOfOne,
    cost: { usd: 0.001234 },
    stepUsage: [{ model: 'scripted/model-1', usage: usageOfOne, cost: { usd: 0.001234 } }],
    steps: 1,
    outcome: 'finished',
    durationMs: 1650,
    model: 'scripted/model-1',
    timeToFirstTokenMs: 640,
  },
  parts: [{ type: 'step-start' }, { type: 'text', text: text288, state: 'done' }],
}

describe('a message in the compact form', () => {
  it('comes back equal, whatever its fields and parts are', () => {
    fc.assert(
      fc.property(message, (each) => {
        expect(stored(each)).toEqual(JSON.parse(JSON.stringify(each)))
      }),
      { numRuns: 2000 },
    )
  })

  it('adds at most 30 bytes to the text of a question, and 125 to that of an answer', () => {
    expect(textOf(question).length - text288.length).toBeLessThanOrEqual(30)
    expect(textOf(answer).length - text288.length).toBeLessThanOrEqual(125)
    expect(stored(answer)).toEqual(answer)
  })

  it('of a later version is refused', () => {
    const later: CompactMessage = [2, 0, 'a', []]
    expect(() => wholeMessage(later)).toThrow(/A later version of Loom stored a message/)
  })

  it('keeps its own form if it has a field of another version', () => {
    const odd = { ...question, createdAt: 5 }
    expect(JSON.parse(textOf(odd))).toEqual(odd)
  })
})
