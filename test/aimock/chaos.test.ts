/**
 * Sixty runs against a provider that fails at random, with a fixed seed and so the same failures
 * each time. The checks of `record` hold for all runs. A run may fail only if all of its attempts
 * fail.
 */
import type {
  ChatCompletionRequest,
  FixtureFileResponse,
  FixtureOpts,
  LLMock,
} from '@copilotkit/aimock'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import {
  askedOf,
  assistant,
  expectPairedCalls,
  openStage,
  providers,
  quickRetries,
  record,
  typesOf,
  usage,
} from './stage.ts'

/** The fault of one model call. */
type Fault =
  | { kind: 'none' | 'drop' | 'malformed' | 'limit' | 'disconnect' | 'silence' }
  | { kind: 'status'; status: number }
  | { kind: 'break'; chunks: number }

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'none' as const }) },
  fc.record({
    kind: fc.constantFrom('drop', 'malformed', 'limit', 'disconnect', 'silence'),
  }),
  fc.record({
    kind: fc.constant('status' as const),
    status: fc.constantFrom(408, 429, 500, 502, 503, 529),
  }),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('break' as const),
      chunks: fc.integer({ min: 1, max: 16 }),
    }),
  },
)

const scenario = fc.record({
  provider: fc.constantFrom(...providers.filter(({ variable }) => /MOCK|ANTHROPIC/.test(variable))),
  recovery: fc.constantFrom('reset' as const, 'continue' as const),
  faults: fc.array(fault, { minLength: 1, maxLength: 8 }),
})

function optionsOf(fault: Fault): FixtureOpts {
  switch (fault.kind) {
    case 'none':
    case 'status':
      return {}
    case 'drop':
      return { chaos: { dropRate: 1 } }
    case 'malformed':
      return { chaos: { malformedRate: 1 } }
    case 'limit':
      return { chaos: { rateLimitRate: 1 } }
    case 'disconnect':
      return { chaos: { disconnectRate: 1 } }
    case 'silence':
      return { chaos: { latencyMs: 1500 } }
    case 'break':
      return { truncateAfterChunks: fault.chunks, latency: 1 }
  }
}

/** Calls the calculator first, and answers when it has the result. */
const answer = ({ messages }: ChatCompletionRequest) =>
  messages.some(({ role }) => role === 'tool')
    ? { content: 'It is 42, if I am not mistaken.', reasoning: 'I see.', usage }
    : {
        content: 'Let me calculate that.',
        toolCalls: [{ name: 'calculator', arguments: '{"expr": "6 * 7"}' }],
        usage,
      }

function play(mock: LLMock, faults: readonly Fault[]): void {
  mock.clearFixtures().resetMatchCounts()
  mock.clearRequests()
  for (const [sequenceIndex, fault] of faults.entries()) {
    const error: FixtureFileResponse = { error: { message: 'Not now.' }, retryAfter: 0 }
    mock.on(
      { systemMessage: 'careful', sequenceIndex },
      fault.kind === 'status' ? { ...error, status: fault.status } : answer,
      optionsOf(fault),
    )
  }
  mock.on({}, answer)
}

test('runs stay well formed with random provider faults', async () => {
  const { mock, models } = await openStage()
  const agent = defineAgent({ ...assistant, retry: { ...quickRetries, maxDelayMs: 2 } })
  const ends = { finished: 0, failed: 0, mended: 0 }
  await fc.assert(
    fc.asyncProperty(scenario, async ({ provider, recovery, faults }) => {
      play(mock, faults)
      const limits = { firstChunkMs: 400, nextChunkMs: 400 }
      const options = { model: provider.model, models, recovery, limits }
      const { events, result, error } = await record(agent, 'What is six times seven?', options)
      const asked = askedOf(mock)
      expectPairedCalls(asked)
      const failures = faults.filter(({ kind }) => kind !== 'none').length
      expect(asked.length).toBeLessThanOrEqual(2 + failures)
      if (error === undefined) {
        expect(result).toMatchObject({ text: 'It is 42, if I am not mistaken.' })
        expect(result?.usage.totalTokens).toBeGreaterThanOrEqual(18)
        ends.finished++
        if (failures > 0) ends.mended++
      } else {
        // Not every client repeats a call after malformed output with a good status. The other
        // faults use up all retries.
        const hopeless = faults.some(({ kind }) => kind === 'malformed')
        expect(hopeless || failures > quickRetries.retries).toBe(true)
        ends.failed++
      }
      if (recovery === 'continue') expect(typesOf(events)).not.toContain('reset-step')
    }),
    { seed: 20_261_122, numRuns: 60 },
  )
  // With this seed, some runs recover and some fail.
  expect(ends.mended).toBeGreaterThan(20)
  expect(ends.failed).toBeGreaterThan(2)
})
