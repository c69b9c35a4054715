/** Arbitrary runs: models that send any parts in any order, tools that do anything, aborts at any time. */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import * as fc from 'fast-check'
import { z } from 'zod'

import type { Agent, ErrorDecision, StepDecision } from '../src/agent.ts'
import type { RunOptions } from '../src/run-options.ts'
import type { NamedTool } from '../src/tool.ts'
import { answers, connectionReset } from './model-failures.ts'
import { agentOf } from './recorded-run.ts'
import {
  breaks,
  directScriptedModel,
  finish,
  hangs,
  hangsForEver,
  type Script,
  scriptedModel,
} from './scripted-model.ts'

type Part = LanguageModelV4StreamPart

const partId = fc.constantFrom('a', 'b')
const callId = fc.constantFrom('c', 'd', '')
const toolName = fc.constantFrom('work', 'work', 'careful', 'ask', 'nothing')
const metadata = fc.constantFrom({}, { providerMetadata: { p: { s: 1 } } })
const input = fc.constantFrom(
  '{"n":1}',
  '{"n":2}',
  '{"n":"x"}',
  '',
  '{"n',
  'null',
  '{"__proto__":1}',
)

const textParts: fc.Arbitrary<Part> = fc.oneof(
  fc.record({
    type: fc.constantFrom('text-start' as const, 'reasoning-start' as const),
    id: partId,
  }),
  fc.record({ type: fc.constantFrom('text-end' as const, 'reasoning-end' as const), id: partId }),
  fc
    .record({
      type: fc.constantFrom('text-delta' as const, 'reasoning-delta' as const),
      id: partId,
      delta: fc.constantFrom('', 'one ', 'two '),
      more: metadata,
    })
    .map(({ more, ...part }) => ({ ...part, ...more })),
)

const providerExecuted = fc.constantFrom({}, {}, { providerExecuted: true })

const callParts: fc.Arbitrary<Part> = fc.oneof(
  fc
    .record({ id: callId, toolName, more: providerExecuted })
    .map(({ more, ...part }) => ({ type: 'tool-input-start' as const, ...part, ...more })),
  fc.record({ type: fc.constant('tool-input-delta' as const), id: callId, delta: input }),
  fc.record({ type: fc.constant('tool-input-end' as const), id: callId }),
  {
    weight: 3,
    arbitrary: fc
      .record({ toolCallId: callId, toolName, input, more: providerExecuted })
      .map(({ more, ...part }) => ({ type: 'tool-call' as const, ...part, ...more })),
  },
  fc.record({
    type: fc.constant('tool-result' as const),
    toolCallId: callId,
    toolName,
    result: fc.constantFrom('found', { n: 1 }),
    isError: fc.boolean(),
    preliminary: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('tool-approval-request' as const),
    approvalId: fc.uuid(),
    toolCallId: callId,
  }),
)

const other: fc.Arbitrary<Part> = fc.constantFrom<Part>(
  { type: 'stream-start', warnings: [] },
  { type: 'response-metadata', id: 'r' },
  { type: 'ping' },
  { type: 'raw', rawValue: 1 },
  { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com' },
  { type: 'file', mediaType: 'image/png', data: { type: 'data', data: new Uint8Array([1]) } },
  { type: 'error', error: connectionReset },
  { type: 'error', error: 'overloaded' },
  finish('length'),
)

const parts = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: textParts },
    { weight: 5, arbitrary: callParts },
    { weight: 1, arbitrary: other },
  ),
  { maxLength: 10 },
)

const end = fc.constantFrom(
  ...(['stop', 'stop', 'tool-calls', 'error', 'none', 'break', 'hang', 'deaf'] as const),
)

const reply: fc.Arbitrary<Script> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(parts, end).map(([parts, end]): Script => {
      if (end === 'none') return parts
      if (end === 'break') return breaks(parts, connectionReset)
      if (end === 'hang') return hangs(parts)
      return end === 'deaf' ? hangsForEver(parts) : [...parts, finish(end)]
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(answers(500), answers(400)) },
)

type Behaviour = 'returns' | 'throws' | 'yields' | 'waits' | 'sleeps'

const toolOf = (behaviours: readonly Behaviour[]): NamedTool => {
  let count = 0
  return {
    name: 'work',
    description: 'Works.',
    inputSchema: z.object({ n: z.number() }),
    timeoutMs: 4,
    async *execute(_input, { signal }) {
      const behaviour = behaviours[count++ % behaviours.length]
      if (behaviour === 'throws') throw new Error('no')
      if (behaviour === 'yields') yield* ['a', 'b', 'c']
      if (behaviour === 'sleeps') await Promise.withResolvers().promise
      if (behaviour === 'waits') {
        const { promise, resolve } = Promise.withResolvers<void>()
        signal.addEventListener('abort', () => resolve())
        await promise
        yield 'too late'
      }
      return 'done'
    },
  }
}

export interface AnyRun {
  agent: Agent
  options: RunOptions & { signal: AbortSignal }
  /** A description of the generated run, for people. */
  toString: () => string
}

const settings = fc.record({
  scripts: fc.array(reply, { minLength: 1, maxLength: 5 }),
  behaviours: fc.array(
    fc.constantFrom<Behaviour>('returns', 'returns', 'throws', 'yields', 'waits', 'sleeps'),
    { minLength: 1, maxLength: 4 },
  ),
  isDirect: fc.boolean(),
  isAsync: fc.boolean(),
  recovery: fc.constantFrom('reset' as const, 'continue' as const),
  approvals: fc.boolean(),
  maxSteps: fc.integer({ min: 1, max: 4 }),
  toolConcurrency: fc.integer({ min: 1, max: 3 }),
  onStep: fc.constantFrom<StepDecision>('continue', 'continue', 'stop'),
  onError: fc.constantFrom<ErrorDecision>('stop', 'retry', { reply: 'Sorry.' }),
  abortAt: fc.option(fc.integer({ min: 0, max: 40 })),
  abortsLater: fc.boolean(),
})

/** A run with any behaviour except a failure of its sink. */
export const anyRun: fc.Arbitrary<AnyRun> = settings.map((given) => {
  const stop = new AbortController()
  let eventCount = 0
  const sink = () => {
    if (eventCount++ === given.abortAt) {
      if (given.abortsLater) setImmediate(() => stop.abort())
      else stop.abort()
    }
    return given.isAsync ? Promise.resolve() : undefined
  }
  const { maxSteps, toolConcurrency, recovery, approvals, scripts, behaviours } = given
  const work = toolOf(behaviours)
  const ask: NamedTool = { name: 'ask', description: 'Asks.', inputSchema: z.looseObject({}) }
  let errors = 0
  const agent = agentOf({
    model: (given.isDirect ? directScriptedModel : scriptedModel)(...scripts),
    tools: [work, { ...work, name: 'careful', needsApproval: true }, ask],
    maxSteps,
    toolConcurrency,
    limits: { firstChunkMs: 4, nextChunkMs: 4 },
    retry: { retries: 1, initialDelayMs: 0, maxDelayMs: 0 },
    onStep: () => given.onStep,
    onError: () => (errors++ === 0 ? given.onError : 'stop'),
  })
  return {
    agent,
    options: { sink, signal: stop.signal, recovery, approvals },
    toString: () => fc.stringify(given),
  }
})
