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

  it('that an earlier process stored is read', () => {
    const texts = [
      '[1,0,"u1",["Hi.",{"type":"file","mediaType":"image/png","url":"data:,"}]]',
      '[1,1,"a1",[0,[2,"r","Hm.",{"p":{"s":1}}],[1,"weather","c1",{"city":"Oslo"},{"degrees":21}],0,[3,"Mild.",{"p":{"s":2}}]],["tutor",5,"p/m",9,4,2,[12,7,2,1],[[[4,3],"p/m",0.25],[[8,4,2,1],null,0.5]],0,0.75,{"reason":"none"}]]',
      '[1,1,"a2",[0,"Yes."],["tutor",null,"p/m",null,null,1,[3,2],1,"aborted",0.5]]',
      '[1,2,"s1",["Rules."],{"from":"me"}]',
    ]
    const usage = (inputTokens: number, outputTokens: number, cached = 0, reasoning = 0) => ({
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      cachedInputTokens: cached,
      reasoningTokens: reasoning,
    })
    const p = (s: number) => ({ p: { s } })
    const file = { type: 'file', mediaType: 'image/png', url: 'data:,' }
    const weather = { type: 'tool-weather', toolCallId: 'c1', state: 'output-available' }
    expect(texts.map((each) => wholeMessage(JSON.parse(each)))).toEqual([
      { id: 'u1', role: 'user', parts: [{ type: 'text', text: 'Hi.' }, file] },
      {
        id: 'a1',
        role: 'assistant',
        metadata: {
          agent: 'tutor',
          createdAt: 5,
          model: 'p/m',
          durationMs: 9,
          timeToFirstTokenMs: 4,
          steps: 2,
          usage: usage(12, 7, 2, 1),
          stepUsage: [
            { model: 'p/m', usage: usage(4, 3), cost: { usd: 0.25 } },
            { usage: usage(8, 4, 2, 1), cost: { usd: 0.5 } },
          ],
          outcome: 'finished',
          cost: { usd: 0.75 },
          reason: 'none',
        },
        parts: [
          { type: 'step-start' },
          { type: 'reasoning', id: 'r', text: 'Hm.', state: 'done', providerMetadata: p(1) },
          { ...weather, input: { city: 'Oslo' }, output: { degrees: 21 } },
          { type: 'step-start' },
          { type: 'text', text: 'Mild.', state: 'done', providerMetadata: p(2) },
        ],
      },
      {
        id: 'a2',
        role: 'assistant',
        metadata: {
          agent: 'tutor',
          model: 'p/m',
          steps: 1,
          usage: usage(3, 2),
          stepUsage: [{ model: 'p/m', usage: usage(3, 2), cost: { usd: 0.5 } }],
          outcome: 'aborted',
          cost: { usd: 0.5 },
        },
        parts: [{ type: 'step-start' }, { type: 'text', text: 'Yes.', state: 'done' }],
      },
      {
        id: 's1',
        role: 'system',
        metadata: { from: 'me' },
        parts: [{ type: 'text', text: 'Rules.' }],
      },
    ])
    // The same texts are written now, so a change of the form needs another version.
    const again = texts.map((each) => textOf(wholeMessage(JSON.parse(each))))
    expect(again).toEqual(texts)
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
