import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'

import type { Pauses } from '../src/ground/pause-meter.ts'
import { attachDefaultLogger, publish, type RunEvent } from '../src/ground/telemetry.ts'
import { calculator } from '../tools/calculator.ts'
import { answers } from './model-failures.ts'
import { noteEvents } from './noted-events.ts'
import { agentOf, record, watchRejections } from './recorded-run.ts'
import { calls, hangs, says, type Script, scriptedModel, words } from './scripted-model.ts'

beforeEach(watchRejections)

/** The labels of a run without a session, a principal and a run above it. */
const labels = ['agent', 'runId', 'rootRunId', 'messageId']
const tokens = [
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'cachedInputTokens',
  'reasoningTokens',
]

/** Every event of a run, its measurements, and its metadata without the labels of the run. */
const table: Record<RunEvent, [measurements: string[], metadata: string[]]> = {
  'agent:start': [[], ['context']],
  'agent:stop': [['durationMs', 'steps', ...tokens], ['result']],
  'step:start': [[], ['step']],
  'step:stop': [['durationMs'], ['step']],
  'llm:start': [[], ['model', 'messageCount']],
  'llm:stop': [
    ['durationMs', ...tokens],
    ['model', 'finishReason'],
  ],
  'llm:retry': [['delayMs'], ['model', 'attempt', 'error']],
  'tool:start': [[], ['tool', 'toolCallId']],
  'tool:stop': [['durationMs'], ['tool', 'toolCallId']],
  'tool:error': [['durationMs'], ['tool', 'toolCallId', 'error']],
  'context:compact': [
    ['tokensBefore', 'tokensAfter'],
    ['removed', 'kept'],
  ],
}

const noteAll = () => noteEvents(Object.keys(table)).noted

/** A run in which every event occurs. */
async function runAll() {
  const old = calls(['calculator', { expr: `1${'+1'.repeat(450)}` }])
  const model = scriptedModel(
    answers(500),
    calls(['calculator', { expr: '6*7' }], ['calculator', { expr: '1/0' }]),
    old,
    says('Done.'),
  )
  const agent = agentOf({
    name: 'math',
    tools: [calculator],
    model,
    contextWindow: 1050,
    compaction: { summarise: false },
  })
  const history = Array.from({ length: 4 }, (_, index) => [
    { role: 'user' as const, content: `${index} ${'word '.repeat(100)}` },
    { role: 'assistant' as const, content: 'Yes.' },
  ]).flat()
  const messages = [...history, { role: 'user' as const, content: 'Compute.' }]
  const recorded = await record(agent, messages, { context: { user: 'Ada' } })
  return { ...recorded, name: `scripted/${model.modelId}` }
}

describe('the events of a run', () => {
  it('every event has its measurements and metadata', async () => {
    const noted = noteAll()
    await runAll()
    expect([...new Set(noted.map(({ event }) => event))].toSorted()).toEqual(
      Object.keys(table).toSorted(),
    )
    for (const { event, measurements: times, metadata: names } of noted) {
      // The next test is about these two.
      const { firstContentMs: _, ...measurements } = times
      const { pauses: __, ...metadata } = names
      const keys = [Object.keys(measurements), Object.keys(metadata)]
      const [, [numbers, own] = [[], []]] =
        Object.entries(table).find(([name]) => name === event) ?? []
      expect([event, ...keys]).toEqual([event, numbers, [...labels, ...own]])
      for (const value of Object.values(measurements)) expect(value).toBeGreaterThanOrEqual(0)
    }
  })

  it('a model call reports the time to its first content and its pauses', async () => {
    const { of } = noteEvents(['llm:stop'])
    await runAll()
    const [failed, ...answered] = of('llm:stop')
    expect(failed?.measurements).not.toHaveProperty('firstContentMs')
    expect(failed?.metadata).not.toHaveProperty('pauses')
    expect(answered.length).toBe(3)
    for (const { measurements, metadata } of answered) {
      const { firstContentMs, durationMs } = measurements
      expect(firstContentMs).toBeLessThanOrEqual(Number(durationMs))
      const { count, totalMs, longestMs, counts }: Pauses = Object(metadata['pauses'])
      expect(count).toBeGreaterThan(0)
      expect(counts.reduce((sum, each) => sum + each, 0)).toBe(count)
      expect(longestMs).toBeLessThanOrEqual(totalMs)
      expect(totalMs).toBeLessThanOrEqual(Number(durationMs))
    }
  })

  it('the events describe the run', async () => {
    const noted = noteAll()
    const { name } = await runAll()
    const of = (wanted: string) => noted.filter(({ event }) => event === wanted)
    expect(of('agent:start')).toMatchObject([
      { metadata: { agent: 'math', context: { user: 'Ada' } } },
    ])
    expect(of('agent:stop')).toMatchObject([
      { measurements: { steps: 3 }, metadata: { agent: 'math', result: 'finished' } },
    ])
    expect(of('step:stop').map(({ metadata }) => metadata['step'])).toEqual([1, 2, 3])
    expect(of('llm:start')[1]?.metadata).toMatchObject({ model: name, messageCount: 10 })
    expect(of('llm:stop').map(({ metadata }) => metadata['finishReason'])).toEqual([
      'error',
      'tool-calls',
      'tool-calls',
      'stop',
    ])
    expect(of('llm:retry')).toMatchObject([
      { metadata: { attempt: 1, model: name, error: 'The model answered with 500: not now' } },
    ])
    expect(of('tool:stop')).toMatchObject([
      { metadata: { tool: 'calculator', toolCallId: 'call-0' } },
      { metadata: { tool: 'calculator' } },
    ])
    expect(of('tool:error')).toMatchObject([
      { metadata: { toolCallId: 'call-1', error: 'Division by zero' } },
    ])
    const [compacted] = of('context:compact')
    expect(Number(compacted?.measurements['tokensAfter'])).toBeLessThan(
      Number(compacted?.measurements['tokensBefore']),
    )
  })

  it.each<[string, Script, string]>([
    ['fails', answers(400), 'error'],
    ['is aborted', hangs(words('Hm')), 'aborted'],
  ])('events come in pairs in a run that %s', async (_how, script, result) => {
    const noted = noteAll()
    const stop = new AbortController()
    await record(agentOf({ model: scriptedModel(script) }), 'Hi', {
      signal: stop.signal,
      sink: ({ type }) => {
        if (type === 'text-delta') setImmediate(() => stop.abort())
      },
    })
    expect(noted.map(({ event }) => event)).toEqual([
      'agent:start',
      'step:start',
      'llm:start',
      'llm:stop',
      'step:stop',
      'agent:stop',
    ])
    expect(noted.at(-1)?.metadata['result']).toBe(result)
  })

  it('no message is built without a subscriber', () => {
    let built = 0
    const ids = { agent: 'math', runId: 'r', rootRunId: 'r', messageId: 'm' }
    const publishStep = () =>
      publish(
        'step:start',
        () => {
          built++
          return ids
        },
        () => {
          built++
          return [{}, { step: 1 }]
        },
      )
    publishStep()
    expect(built).toBe(0)
    const noted = noteAll()
    publishStep()
    expect(built).toBe(2)
    expect(noted).toEqual([
      { event: 'step:start', measurements: {}, metadata: { step: 1, ...ids } },
    ])
  })
})

describe('the default logger', () => {
  it('the logger writes a line for each event', async () => {
    const noted = noteAll()
    const lines: string[] = []
    const detach = attachDefaultLogger((line) => lines.push(line))
    onTestFinished(detach)
    await runAll()
    expect(lines).toHaveLength(noted.length)
    expect(lines[0]).toMatch(/^\[loom\] agent:start agent=math runId=[\w-]+ rootRunId=/)
    expect(lines.at(-1)).toMatch(
      /^\[loom\] agent:stop durationMs=\d+ steps=3 inputTokens=\d+ .* agent=math .* result=finished$/,
    )
    expect(lines.join('\n')).not.toContain('Ada')
  })

  it('the logger escapes line ends', async () => {
    const lines: string[] = []
    onTestFinished(attachDefaultLogger((line) => lines.push(line)))
    const ids = { agent: 'math', runId: 'r', rootRunId: 'r', messageId: 'm' }
    publish(
      'tool:error',
      () => ids,
      () => [{ durationMs: 1.4 }, { tool: 'bash', toolCallId: 'c', error: 'one\ntwo' }],
    )
    expect(lines).toEqual([
      '[loom] tool:error durationMs=1 agent=math runId=r rootRunId=r messageId=m tool=bash toolCallId=c error="one\\ntwo"',
    ])
  })

  it('a detached logger writes nothing', async () => {
    const lines: string[] = []
    attachDefaultLogger((line) => lines.push(line))()
    await runAll()
    expect(lines).toEqual([])
  })
})
