/** Loom's tool loop over four protocols, against the mock of an independent project. */
import { describe, expect, test } from 'vitest'

import { agentTool } from '../../src/agent-tool.ts'
import { defineAgent } from '../../src/agent.ts'
import { calculator } from '../../tools/calculator.ts'
import {
  askedOf,
  assistant,
  calculates,
  expectPairedCalls,
  ofType,
  openStage,
  providers,
  quickRetries,
  record,
  says,
  script,
  textOf,
  typesOf,
  usage,
} from './stage.ts'

const total = (calls: number) => ({
  inputTokens: 11 * calls,
  outputTokens: 7 * calls,
  totalTokens: 18 * calls,
})

describe.each(providers)('$name', ({ model }) => {
  test('a text is streamed as it arrives', async () => {
    const { mock, models } = await openStage()
    const text = 'The quick brown fox jumps over the lazy dog. 狐 🦊'
    script(mock, 'fox', [says(text), { latency: 2 }])
    const { events, result } = await record(assistant, 'Tell me of the fox.', { model, models })
    expect(textOf(events)).toBe(text)
    expect(ofType(events, 'text-delta').length).toBeGreaterThan(4)
    expect(result).toMatchObject({ text, steps: 1, finishReason: 'stop', outcome: 'finished' })
  })

  test('the usage is in the result and in the stream', async () => {
    const { mock, models } = await openStage()
    script(mock, 'fox', [says('A fox.')])
    const { events, result } = await record(assistant, 'A fox?', { model, models })
    expect(result?.usage).toMatchObject(total(1))
    expect(ofType(events, 'finish')[0]?.messageMetadata).toMatchObject({
      usage: result?.usage,
      steps: 1,
      model,
      outcome: 'finished',
      durationMs: expect.any(Number),
      timeToFirstTokenMs: expect.any(Number),
    })
  })

  test('a tool runs and the model receives its result', async () => {
    const { mock, models } = await openStage()
    mock.on({ userMessage: 'sum', hasToolResult: false }, calculates('6 * 7'))
    mock.on({ userMessage: 'sum', toolResultContains: '42' }, says('It is 42.'))
    const { events, result } = await record(assistant, 'What is the sum?', { model, models })
    expect(result).toMatchObject({ text: 'It is 42.', steps: 2, finishReason: 'stop' })
    expect(result?.usage).toMatchObject(total(2))
    expect(ofType(events, 'tool-input-available')).toMatchObject([
      { toolName: 'calculator', input: { expr: '6 * 7' } },
    ])
    expect(ofType(events, 'tool-output-available')).toMatchObject([{ output: { result: 42 } }])
    expect(result?.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
    ])
    expectPairedCalls(askedOf(mock))
  })

  test('parallel calls of one reply keep their results apart', async () => {
    const { mock, models } = await openStage()
    mock.on(
      { userMessage: 'sums', hasToolResult: false },
      { ...calculates('1 + 1', '2 + 2', '3 + 3'), content: 'Three sums.' },
    )
    mock.on({ userMessage: 'sums', hasToolResult: true }, says('2, 4 and 6.'))
    const { events, result } = await record(assistant, 'Three sums, please.', { model, models })
    expect(result?.text).toBe('2, 4 and 6.')
    const outputs = new Map(
      ofType(events, 'tool-output-available').map(({ toolCallId, output }) => [toolCallId, output]),
    )
    expect(
      ofType(events, 'tool-input-available').map(({ toolCallId, input }) => [
        input,
        outputs.get(toolCallId),
      ]),
    ).toEqual([
      [{ expr: '1 + 1' }, { result: 2 }],
      [{ expr: '2 + 2' }, { result: 4 }],
      [{ expr: '3 + 3' }, { result: 6 }],
    ])
    const asked = askedOf(mock)
    expectPairedCalls(asked)
    expect(asked.at(-1)?.filter(({ role }) => role === 'tool')).toHaveLength(3)
  })

  test('the model’s reasoning is in the stream', async () => {
    const { mock, models } = await openStage()
    script(
      mock,
      'think',
      [{ ...calculates('1 + 1'), reasoning: 'Better calculate.' }],
      [{ ...says('Two.'), reasoning: 'That was easy.' }],
    )
    const { events, result } = await record(assistant, 'Please think.', { model, models })
    expect(textOf(events, 'reasoning')).toBe('Better calculate.That was easy.')
    expect(result?.text).toBe('Two.')
    // Reasoning comes before the parts that follow from it.
    expect(typesOf(events).indexOf('reasoning-end')).toBeLessThan(
      typesOf(events).indexOf('tool-input-start'),
    )
  })

  test('a conversation continues from the messages of a run', async () => {
    const { mock, models } = await openStage()
    script(mock, 'first', [calculates('1 + 1')], [says('Two.')])
    script(mock, 'second', [calculates('2 + 2')], [says('Four.')])
    const first = await record(assistant, 'The first sum?', { model, models })
    const messages = [
      ...(first.result?.messages ?? []),
      { role: 'user' as const, content: 'And the second?' },
    ]
    const second = await record(assistant, messages, { model, models })
    expect(second.result?.text).toBe('Four.')
    expect(second.result?.messages).toHaveLength(8)
    const asked = askedOf(mock)
    expectPairedCalls(asked)
    // Some protocols send the parts of one message separately.
    const roles = asked.at(-1)?.map(({ role }) => role)
    expect(roles?.filter((role, index) => role !== roles[index - 1])).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
      'assistant',
      'user',
      'assistant',
      'tool',
    ])
  })

  test('a sub-agent’s usage counts for the run', async () => {
    const { mock, models } = await openStage()
    const researcher = defineAgent({
      name: 'researcher',
      systemPrompt: 'You research.',
      tools: [calculator],
      retry: quickRetries,
    })
    const lead = defineAgent({
      name: 'lead',
      systemPrompt: 'You lead.',
      tools: [agentTool(researcher)],
      retry: quickRetries,
    })
    const task = { name: 'researcher', arguments: { prompt: 'Find the number.' } }
    script(mock, 'number', [calculates('40 + 2')], [says('The number is 42.')])
    mock.on({ userMessage: 'Ask', hasToolResult: false }, { toolCalls: [task], usage })
    mock.on({ userMessage: 'Ask', toolResultContains: '42' }, says('They say 42.'))
    const { events, result } = await record(lead, 'Ask around.', { model, models })
    expect(result).toMatchObject({ text: 'They say 42.', steps: 2 })
    expect(result?.usage).toMatchObject(total(4))
    expect(ofType(events, 'tool-output-available').at(-1)).toMatchObject({
      output: {
        text: 'The number is 42.',
        toolCalls: [{ toolName: 'calculator', state: 'done' }],
        steps: 2,
        usage: total(2),
      },
    })
    expectPairedCalls(askedOf(mock))
  })

  test('the model corrects a call that is invalid', async () => {
    const { mock, models } = await openStage()
    script(
      mock,
      'sum',
      [{ toolCalls: [{ name: 'abacus', arguments: { expr: '1 + 1' } }], usage }],
      [{ toolCalls: [{ name: 'calculator', arguments: { expression: '1 + 1' } }], usage }],
      [calculates('1 +')],
      [calculates('1 + 1')],
      [says('Two.')],
    )
    const { events, result } = await record(assistant, 'A sum?', { model, models })
    expect(result).toMatchObject({ text: 'Two.', steps: 5 })
    expect(ofType(events, 'tool-input-error').map(({ toolName }) => toolName)).toEqual([
      'abacus',
      'calculator',
    ])
    expect(ofType(events, 'tool-output-error')).toHaveLength(1)
    const asked = askedOf(mock)
    expectPairedCalls(asked)
    expect(JSON.stringify(asked.at(-1))).toMatch(/There is no tool \\+"abacus/)
  })
})
