/** One model call that emits no events. It has no tools, and only its text is used. */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'

import type { TimeLimits } from '../agent.ts'
import type { Clock } from '../ground/clock.ts'
import type { ModelFacts } from '../model.ts'
import type { Spending } from '../spending.ts'
import { CallIds } from './call-ids.ts'
import { readModel } from './read-model.ts'
import { measuresOf, priceOf } from './reply-cost.ts'
import { modelError } from './retry.ts'
import type { RunTelemetry } from './run-telemetry.ts'
import { StepReader } from './step-reader.ts'

export interface SummaryCall {
  model: LanguageModelV4
  /** `provider/model-id`. */
  name: string
  facts: ModelFacts
  options: Omit<LanguageModelV4CallOptions, 'abortSignal'>
  limits: TimeLimits
  signal: AbortSignal
  clock: Clock
  telemetry: RunTelemetry
  /** Also called if the call fails. */
  spend: (spending: Spending) => void
}

/** @throws LoomError `model-failed`, `model-timeout`, `context-overflow`; the signal's reason */
export async function askSummary(call: SummaryCall): Promise<string> {
  const { model, name, facts, options, signal, clock, telemetry, spend } = call
  const reply = new StepReader({
    emit: () => undefined,
    clock,
    tools: new Map(),
    prefix: 'summary',
    callIds: new CallIds([]),
    priceOf: (usage) => priceOf(usage, facts),
  })
  const started = clock.elapsed()
  telemetry.publish('llm:start', () => [{}, { model: name, messageCount: options.prompt.length }])
  try {
    await readModel({ model, options, limits: call.limits, signal, clock, receive: reply.receive })
    if (reply.failure !== undefined) throw reply.failure
    return reply.text
  } catch (error) {
    signal.throwIfAborted()
    throw modelError(error)
  } finally {
    spend(reply.spending)
    telemetry.publish('llm:stop', () => [
      { durationMs: clock.elapsed() - started, ...measuresOf(reply.spending) },
      { model: name, finishReason: reply.finishReason ?? 'error' },
    ])
  }
}
