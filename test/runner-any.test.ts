import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'

import type { AgentEvent } from '../src/event.ts'
import { userMessage } from '../src/message.ts'
import { toPrompt } from '../src/prompt.ts'
import { run } from '../src/runner.ts'
import { anyRun } from './any-run.ts'
import { within } from './deadline.ts'
import { models, ofType, record, watchRejections } from './recorded-run.ts'
import { says, scriptedModel } from './scripted-model.ts'

beforeEach(watchRejections)

describe('any run', () => {
  it('ends well formed, with a result or an error that has one', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ agent, options }) => {
        const { result, error, events } = await record(agent, 'Go.', options)
        const [finish] = ofType(events, 'finish')
        expect(finish).toMatchObject({
          finishReason: result.finishReason,
          messageMetadata: { outcome: result.outcome, steps: result.steps, usage: result.usage },
        })
        const codes = new Map([
          ['aborted', ['aborted']],
          ['error', ['model-failed', 'model-timeout']],
        ])
        expect(codes.get(result.outcome) ?? [undefined]).toContain(error?.code)
        expect(result.steps).toBeLessThanOrEqual(4)
      }),
      { numRuns: 400 },
    )
  })

  it('leaves a conversation that can be gone on with', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ agent, options }) => {
        const { result } = await record(agent, 'Go.', options)
        const model = scriptedModel(says('Fine.'))
        const messages = [...result.messages, userMessage('And now?')]
        const next = await record({ ...agent, maxSteps: 1 }, messages, { model })
        expect(next.result).toMatchObject({ outcome: 'finished', text: 'Fine.' })
        const prompt = toPrompt(next.result.messages, undefined)
        expect(prompt.map(({ role }) => role)).not.toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  it('whose sink fails rejects with that failure and says no more', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, fc.nat({ max: 20 }), fc.boolean(), async (any, at, isAsync) => {
        const failure = new Error('the socket is gone')
        const told: AgentEvent[] = []
        const sink = (event: AgentEvent): void | Promise<void> => {
          told.push(event)
          if (told.length !== at + 1) return any.options.sink?.(event)
          if (isAsync) return Promise.reject(failure)
          throw failure
        }
        const running = run(any.agent, 'Go.', { ...any.options, models, sink })
        const outcome = await within(
          5000,
          'the run',
          running.catch((error: unknown) => error),
        )
        if (told.length <= at) return
        expect(outcome).toBe(failure)
        const count = told.length
        await new Promise((resolve) => setImmediate(resolve))
        expect(told).toHaveLength(count)
        if (!isAsync) expect(count).toBe(at + 1)
      }),
      { numRuns: 200 },
    )
  })
})
