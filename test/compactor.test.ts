/** The prompts of a run for any conversation, and its final list of messages. */
import type { ModelMessage } from 'ai'
import { MockLanguageModelV4 } from 'ai/test'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { AgentCompaction } from '../src/compaction.ts'
import { LoomError } from '../src/ground/error.ts'
import { systemMessage, userMessage } from '../src/message.ts'
import { toPrompt } from '../src/model/prompt.ts'
import { Breaker } from '../src/runner/compaction/breaker.ts'
import { textTokens, tokensOf } from '../src/runner/compaction/estimate.ts'
import { Origins } from '../src/runner/compaction/origins.ts'
import { Compactor } from '../src/runner/compactor.ts'
import type { Call } from '../src/runner/model-window.ts'
import type { SavedSummary } from '../src/runner/session-hooks.ts'
import { call, conversation, result } from './conversations.ts'

const modelCall = (contextWindow: number): Call => ({
  model: new MockLanguageModelV4({ provider: 'test', modelId: 'model' }),
  facts: {},
  contextWindow,
  maxOutputTokens: undefined,
  systemPrompt: 'You teach.',
  tools: [],
})

interface Rig {
  compactor: Compactor
  origins: Origins
  breaker: Breaker
  /** The questions to the summariser. */
  questions: string[]
  saved: SavedSummary[]
}

interface RigOptions {
  compaction?: AgentCompaction
  /** The summariser's answer to a question. */
  answer?: (question: string) => string | Promise<string>
  room?: number
}

/** Returns every fact of the question and nothing else. */
const factsIn = (text: string) => [...new Set(text.match(/FACT-\d+/g))]
const faithful = (question: string) => `Facts: ${factsIn(question).join(' ')}`

function rig({ compaction = {}, answer = faithful, room = 2000 }: RigOptions = {}): Rig {
  const [origins, breaker] = [new Origins(), new Breaker()]
  const [questions, saved]: [string[], SavedSummary[]] = [[], []]
  const compactor = new Compactor({
    compaction,
    origins,
    breaker,
    signal: new AbortController().signal,
    save: async (summary) => void saved.push(summary),
    ask: () =>
      Promise.resolve({
        room,
        async ask(question) {
          questions.push(question)
          return answer(question)
        },
      }),
  })
  return { compactor, origins, breaker, questions, saved }
}

const long = (tokens: number) => 'word '.repeat(Math.floor(tokens / 1.1))

const exchange = (id: string, tokens: number): ModelMessage[] => [
  userMessage(`Question ${id}`),
  { role: 'assistant', content: [call(id)] },
  { role: 'tool', content: [result(id, long(tokens))] },
  { role: 'assistant', content: `Answer ${id}` },
]

describe('any conversation', () => {
  /** The same conversation with all of its words repeated many times. */
  const lengthened = conversation.chain((messages) =>
    fc
      .array(fc.nat(60), { minLength: messages.length, maxLength: messages.length })
      .map((factors) => messages.map((message, index) => repeated(message, factors[index] ?? 0))),
  )
  const cases = fc.record({
    systems: fc.array(fc.string().map(systemMessage), { maxLength: 2 }),
    messages: lengthened,
    window: fc.integer({ min: 200, max: 4000 }),
    summarise: fc.boolean(),
    answer: fc.constantFrom(
      faithful,
      () => '',
      () => long(5000),
      () => Promise.reject(new Error()),
    ),
  })

  it('any prompt is valid, fits, and keeps question and instructions', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ systems, messages, window, summarise, answer }) => {
        const input = [...systems, ...messages]
        const before = structuredClone(input.map(({ role }) => role))
        const { compactor } = rig({ compaction: { summarise }, answer })
        const view = await viewOf(compactor, input, window)
        expect(input.map(({ role }) => role)).toEqual(before)
        if (view === 'too long') return
        expectValid(view, input)
        expect(tokensOf(view)).toBeLessThanOrEqual(Math.max(window, 0))
        if (view.length !== input.length || view.some((each, index) => each !== input[index])) {
          expect(tokensOf(view)).toBeLessThan(tokensOf(input))
        }
        // A second call returns the same.
        expect(await viewOf(compactor, input, window)).toEqual(view)
      }),
      { numRuns: 300, endOnFailure: true },
    )
  })

  it('facts stay in summaries of summaries', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(lengthened, { minLength: 3, maxLength: 6 }),
        fc.integer({ min: 1500, max: 3000 }),
        async (rounds, window) => {
          const { compactor, questions } = rig()
          const messages: ModelMessage[] = []
          for (const [round, more] of rounds.entries()) {
            messages.push(userMessage(`FACT-${round} ${long(100)}`), ...withAnswer(more))
            const view = await viewOf(compactor, messages, window)
            if (view === 'too long') return
            expectValid(view, messages)
            expect(factsIn(JSON.stringify(view)).toSorted()).toEqual(
              factsIn(JSON.stringify(messages)).toSorted(),
            )
          }
          fc.pre(questions.length > 0)
        },
      ),
      { numRuns: 100, endOnFailure: true },
    )
  })
})

describe('a conversation that is too long', () => {
  it('a conversation is unchanged if it fits or the window is unknown', async () => {
    const messages = exchange('a', 20_000)
    for (const window of [128_000, 0]) {
      expect(await rig().compactor.view(messages, modelCall(window))).toEqual(messages)
    }
  })

  it('a conversation is unchanged if compaction is off', async () => {
    const { compactor } = rig({ compaction: false })
    const messages = exchange('a', 20_000)
    expect(await compactor.view(messages, modelCall(8000))).toEqual(messages)
    expect(compactor.recordOverflow(new LoomError('context-overflow', ''))).toBe(false)
  })

  it('no model is asked if stubs are enough', async () => {
    const { compactor, questions } = rig()
    const messages = [...exchange('a', 40_000), ...exchange('b', 40_000), ...exchange('c', 10_000)]
    const view = await compactor.view(messages, modelCall(80_000))
    expect(view).toHaveLength(12)
    expect(questions).toEqual([])
  })

  it('a summary covers whole messages and is stored', async () => {
    const { compactor, origins, saved } = rig()
    const messages = Array.from({ length: 40 }, (_, index) => exchange(`${index}`, 400)).flat()
    for (const [index, message] of messages.entries()) {
      if (index % 4 === 0) origins.markEnd(message, `user-${index / 4}`)
      if (index % 4 === 3) origins.markEnd(message, `assistant-${(index - 3) / 4}`)
    }
    const view = await compactor.view(messages, modelCall(4000))
    expect(saved).toHaveLength(1)
    const covered = 40 - view.filter((message) => origins.isUsers(message)).length
    expect(saved[0]).toMatchObject({ through: `assistant-${covered - 1}`, text: 'Facts:' })
    expect(view[0]?.content).toContain('<summary>')
    expect(view[1]).toEqual(messages[covered * 4])
  })

  it('a summary is reused in later steps', async () => {
    const { compactor, questions } = rig()
    const messages = Array.from({ length: 10 }, (_, index) => exchange(`${index}`, 400)).flat()
    const first = await compactor.view(messages, modelCall(4000))
    const times = questions.length
    messages.push(userMessage('And now?'))
    const second = await compactor.view(messages, modelCall(4000))
    expect(questions).toHaveLength(times)
    expect(second.slice(0, -1)).toEqual(first)
  })

  it.each([
    ['empty', () => ''],
    ['longer than what it stands for', () => long(9000)],
    ['not to be had', () => Promise.reject(new Error('no'))],
  ])('messages are dropped if a summary is %s, and asking stops', async (_, answer) => {
    const { compactor, questions, breaker } = rig({ answer })
    const messages: ModelMessage[] = []
    const rounds = 8
    for (let round = 0; round < rounds; round++) {
      messages.push(
        ...Array.from({ length: 10 }, () => [
          userMessage(`Question ${long(200)}`),
          { role: 'assistant' as const, content: `Answer ${long(100)}` },
        ]).flat(),
      )
      const view = await compactor.view(messages, modelCall(4000))
      expectValid(view, messages)
      expect(JSON.stringify(view)).toContain('were left out')
    }
    expect(breaker.isOpen).toBe(true)
    expect(questions.length).toBeLessThan(rounds * 2)
  })

  it('a single output longer than the window keeps its ends', async () => {
    const messages = exchange('a', 100_000).slice(0, 3)
    const view = await rig().compactor.view(messages, modelCall(8000))
    expect(view).toHaveLength(3)
    expect(JSON.stringify(view)).toMatch(/characters left out/)
    expect(tokensOf(view)).toBeLessThan(6000)
  })

  it('many outputs of one step each keep their ends', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `call-${index}`)
    const messages: ModelMessage[] = [
      userMessage('All of them.'),
      { role: 'assistant', content: ids.map((id) => call(id)) },
      { role: 'tool', content: ids.map((id) => result(id, long(5000))) },
    ]
    const view = await rig().compactor.view(messages, modelCall(8000))
    expectValid(view, messages)
    expect(tokensOf(view)).toBeLessThan(6000)
  })

  it('a message that is too long alone is a readable error', async () => {
    const messages = [...exchange('a', 10), userMessage(long(20_000))]
    const view = rig().compactor.view(messages, modelCall(8000))
    await expect(view).rejects.toMatchObject({
      code: 'context-overflow',
      message: expect.stringMatching(
        /^The message is too long for the model: it has about 20,\d{3} tokens, and the model reads at most 8,000\.$/,
      ),
    })
  })
})

describe('a report of a provider', () => {
  const messages = Array.from({ length: 8 }, (_, index) => exchange(`${index}`, 400)).flat()
  const tokens = tokensOf(messages) + textTokens('You teach.')

  it('a reported token count corrects the estimate', async () => {
    const { compactor } = rig()
    const window = tokens * 2
    expect(await compactor.view(messages, modelCall(window))).toHaveLength(messages.length)
    compactor.recordUsage({ inputTokens: tokens * 2 })
    const view = await compactor.view(messages, modelCall(window))
    expect(tokensOf(view)).toBeLessThan(tokens * 0.75)
  })

  it('a window in a refusal is used', async () => {
    const { compactor } = rig()
    expect(await compactor.view(messages, modelCall(0))).toEqual(messages)
    const failure = new LoomError('context-overflow', 'maximum context length is 2000 tokens.')
    expect(compactor.recordOverflow(failure)).toBe(true)
    expect(tokensOf(await compactor.view(messages, modelCall(0)))).toBeLessThan(1500)
  })

  it('a refusal is enough if nothing else is known', async () => {
    const { compactor } = rig()
    await compactor.view(messages, modelCall(0))
    expect(compactor.recordOverflow(new LoomError('context-overflow', 'Too long.'))).toBe(true)
    expect(tokensOf(await compactor.view(messages, modelCall(0)))).toBeLessThan(tokens * 0.6)
  })
})

describe('a custom compaction', () => {
  it('a custom compaction receives the prompt and replaces it', async () => {
    const infos: unknown[] = []
    const { compactor } = rig({
      compaction: (messages, { signal: _, ...info }) => {
        infos.push({ count: messages.length, ...info })
        return messages.slice(-1)
      },
    })
    const messages = [...exchange('a', 9000), userMessage('And now?')]
    expect(await compactor.view(messages, modelCall(8000))).toEqual(messages.slice(-1))
    messages.push({ role: 'assistant', content: 'So.' }, userMessage('More?'))
    expect(await compactor.view(messages, modelCall(8000))).toEqual(messages.slice(-3))
    expect(infos).toEqual([
      {
        count: 5,
        tokens: expect.any(Number),
        threshold: 6000,
        contextWindow: 8000,
        model: 'test/model',
      },
    ])
  })
})

async function viewOf(
  compactor: Compactor,
  messages: readonly ModelMessage[],
  window: number,
): Promise<readonly ModelMessage[] | 'too long'> {
  try {
    return await compactor.view(messages, modelCall(window))
  } catch (error) {
    if (error instanceof LoomError && error.code === 'context-overflow') return 'too long'
    throw error
  }
}

/** The properties of every prompt. */
function expectValid(view: readonly ModelMessage[], input: readonly ModelMessage[]): void {
  const isSystem = ({ role }: ModelMessage) => role === 'system'
  expect(view.filter(isSystem)).toEqual(input.filter(isSystem))
  expect(view).toContain(input.findLast(({ role }) => role === 'user'))
  expect(view.find(({ role }) => role !== 'system')?.role).toBe('user')
  const ids = new Set([...idsOf(view, 'tool-call'), ...idsOf(view, 'tool-result')])
  expect(idsOf(view, 'tool-result').length).toBeLessThanOrEqual(idsOf(view, 'tool-call').length)
  expect([...ids].every((id) => idsOf(view, 'tool-call').includes(id))).toBe(true)
  // A call that had a result gets no other one.
  expect(inventedResults(view)).toBeLessThanOrEqual(inventedResults(input))
}

const inventedResults = (messages: readonly ModelMessage[]) =>
  JSON.stringify(toPrompt(messages, undefined)).split('No result: the call was not answered.')
    .length

const idsOf = (messages: readonly ModelMessage[], type: string): string[] =>
  messages.flatMap(({ content }) =>
    typeof content === 'string'
      ? []
      : content.flatMap((part) =>
          'toolCallId' in part && part.type === type ? [part.toolCallId] : [],
        ),
  )

/** A conversation that ends with an answer. */
const withAnswer = (messages: readonly ModelMessage[]): ModelMessage[] =>
  messages.at(-1)?.role === 'user'
    ? [...messages, { role: 'assistant', content: 'Yes.' }]
    : [...messages]

function repeated(message: ModelMessage, times: number): ModelMessage {
  switch (message.role) {
    case 'system':
      return message
    case 'user':
    case 'assistant':
      return typeof message.content === 'string'
        ? { ...message, content: `${message.content} `.repeat(times + 1) }
        : message
    case 'tool':
      return {
        ...message,
        content: message.content.map((part) =>
          part.type === 'tool-result' && part.output.type === 'text'
            ? { ...part, output: { type: 'text', value: part.output.value.repeat(times * 20) } }
            : part,
        ),
      }
  }
}
