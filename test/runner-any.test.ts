import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'

import type { AgentEvent } from '../src/event.ts'
import { userMessage } from '../src/message.ts'
import { run } from '../src/runner.ts'
import { anyRun } from './any-run.ts'
import { within } from './deadline.ts'
import { models, ofType, record, watchRejections } from './recorded-run.ts'
import { says, scriptedModel } from './scripted-model.ts'

beforeEach(watchRejections)

describe('any run', () => {
  it('any run is well formed and has a result', async () => {
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
      { numRuns: 300 },
    )
  })

  it('any run leaves a conversation that can continue', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ agent, options }) => {
        const { result } = await record(agent, 'Go.', options)
        const model = scriptedModel(says('Fine.'))
        const messages = [...result.messages, userMessage('And now?')]
        const next = await record({ ...agent, maxSteps: 1 }, messages, { model })
        expect(next.result).toMatchObject({ outcome: 'finished', text: 'Fine.' })
        expectPaired(model.asked[0]?.prompt ?? [])
      }),
      { numRuns: 100 },
    )
  })

  it("texts and calls are stored in the client's order", async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ agent, options }) => {
        const { result, events } = await record(agent, 'Go.', options)
        const stored = result.messages.flatMap(storedOrder)
        // A provider's call that did not complete: a client shows it, but no prompt repeats it.
        const order = shownOrder(events).filter((entry) => stored.includes(entry))
        expect(stored).toEqual(order)
      }),
      { numRuns: 300 },
    )
  })

  it('a waiting run continues with its decisions and results', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, fc.infiniteStream(fc.boolean()), async (any, decisions) => {
        const { result, events } = await record(any.agent, 'Go.', any.options)
        fc.pre(result.outcome === 'waiting')
        const content = ofType(events, 'tool-approval-request').map(({ approvalId }) => ({
          type: 'tool-approval-response' as const,
          approvalId,
          approved: decisions.next().value === true,
          // Providers receive decisions on their own calls. Those on Loom's calls end here.
          providerExecuted: !approvalId.includes('.'),
        }))
        const model = scriptedModel(says('Fine.'))
        const messages = [...result.messages, { role: 'tool' as const, content }]
        const next = await record({ ...any.agent, maxSteps: 1 }, messages, { model })
        expect(next.result).toMatchObject({ outcome: 'finished', text: 'Fine.' })
        expectPaired(model.asked[0]?.prompt ?? [])
      }),
      { numRuns: 40, maxSkipsPerRun: 1000 },
    )
  })

  it('a failed sink rejects the run and receives nothing more', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, fc.nat({ max: 20 }), fc.boolean(), async (any, at, isAsync) => {
        const failure = new Error('the socket is gone')
        const received: AgentEvent[] = []
        const sink = (event: AgentEvent): void | Promise<void> => {
          received.push(event)
          if (received.length !== at + 1) return any.options.sink?.(event)
          if (isAsync) return Promise.reject(failure)
          throw failure
        }
        const running = run(any.agent, 'Go.', { ...any.options, models, sink })
        const outcome = await within(
          5000,
          'the run',
          running.catch((error: unknown) => error),
        )
        if (received.length <= at) return
        expect(outcome).toBe(failure)
        const count = received.length
        await new Promise((resolve) => setImmediate(resolve))
        expect(received).toHaveLength(count)
        if (!isAsync) expect(count).toBe(at + 1)
      }),
      { numRuns: 150 },
    )
  })
})

/** Texts, and calls by their ids. */
function storedOrder({ role, content }: ModelMessage): string[] {
  if (role !== 'assistant' || typeof content === 'string') return []
  return content.flatMap((part) => {
    if (part.type === 'text') return ['text']
    return part.type === 'tool-call' ? [part.toolCallId] : []
  })
}

/** The same from the events: a client shows a part at the place of its first event. */
function shownOrder(events: readonly AgentEvent[]): string[] {
  const order: string[] = []
  let stepStart = 0
  for (const event of events) {
    if (event.type === 'start-step') stepStart = order.length
    else if (event.type === 'reset-step') order.length = stepStart
    else if (event.type === 'text-start') order.push('text')
    else if (event.type.startsWith('tool-input-') && 'toolCallId' in event) {
      if (!order.includes(event.toolCallId)) order.push(event.toolCallId)
    }
  }
  return order
}

/** Every provider refuses a call without its one result after it, and a result without its call. */
function expectPaired(prompt: LanguageModelV4Prompt): void {
  for (const [index, message] of prompt.entries()) {
    if (message.role !== 'assistant') continue
    const called = message.content.filter(
      (part) => part.type === 'tool-call' && part.providerExecuted !== true,
    )
    const next = prompt[index + 1]
    const answers = next?.role === 'tool' ? next.content : []
    const results = answers.filter(({ type }) => type === 'tool-result')
    expect(idsOf(results)).toEqual(idsOf(called))
  }
}

const idsOf = (parts: readonly object[]): string[] =>
  parts.flatMap((part) => ('toolCallId' in part ? [String(part.toolCallId)] : [])).toSorted()
