/** Asks the run's own model, or another one, for a summary of messages that no longer fit. */
import type { TimeLimits } from '../agent.ts'
import type { CompactionOptions } from '../compaction.ts'
import type { Clock } from '../ground/clock.ts'
import type { ModelFacts, Models } from '../model.ts'
import type { Spending } from '../spending.ts'
import { askSummary } from './ask-summary.ts'
import { callOptions, windowOf } from './call-options.ts'
import { textTokens } from './compaction/estimate.ts'
import { type Limits, thresholdOf } from './compaction/limits.ts'
import { summaryPrompt } from './compaction/summarise.ts'
import type { AskForSummary } from './compactor.ts'
import type { Call } from './model-window.ts'
import type { RunSettings } from './run-settings.ts'
import type { RunTelemetry } from './run-telemetry.ts'

export interface SummaryWriterOptions {
  models: Models
  options: CompactionOptions
  /** Returns the settings of the current step. */
  settings: () => RunSettings
  context: unknown
  signal: AbortSignal
  clock: Clock
  telemetry: RunTelemetry
  /** Awaited before each model call. */
  beforeStart: (() => Promise<void>) | undefined
  spend: (spending: Spending) => void
}

/** Tokens. A model that reasons before it writes needs room for that too. */
const outputMax = 8000
/** The limit for all calls of one summary together. Milliseconds. */
const summaryMs = 180_000
/** Tokens in one call. A longer text takes longer and gives no better summary. */
const roomMax = 100_000

export function summaryWriter(writer: SummaryWriterOptions): AskForSummary {
  const { options, context, signal, clock, telemetry, beforeStart, spend } = writer
  const prompt = options.prompt ?? summaryPrompt
  return async (call, limits) => {
    const { model, facts, most } = await summariserOf(writer, call, limits)
    const settings: RunSettings = {
      ...writer.settings(),
      systemPrompt: prompt,
      tools: new Map(),
      toolChoice: undefined,
      output: undefined,
      maxOutputTokens: outputOf(limits, facts),
    }
    const deadline = clock.elapsed() + summaryMs
    const left = most * 0.9 - textTokens(prompt)
    return {
      room: Math.min(roomMax, Math.max(left, most / 4)),
      async ask(question) {
        await beforeStart?.()
        return askSummary({
          model,
          facts,
          signal,
          clock,
          telemetry,
          spend,
          name: `${model.provider}/${model.modelId}`,
          limits: within(settings.limits, deadline - clock.elapsed()),
          options: callOptions(model, settings, {
            context,
            facts,
            messages: [{ role: 'user', content: question }],
          }),
        })
      },
    }
  }
}

const within = (limits: TimeLimits, leftMs: number): TimeLimits => ({
  ...limits,
  stepMs: Math.max(1, Math.min(limits.stepMs, leftMs)),
})

async function summariserOf(
  { models, options }: SummaryWriterOptions,
  call: Call,
  limits: Limits,
): Promise<Pick<Call, 'model' | 'facts'> & { most: number }> {
  if (options.model === undefined) {
    const { model, facts } = call
    return { model, facts, most: limits.room }
  }
  const model = await models.resolve(options.model)
  const facts = await models.facts(options.model)
  return { model, facts, most: thresholdOf(windowOf(facts), facts.maxOutputTokens, {}) }
}

const outputOf = ({ summary, window }: Limits, { maxOutputTokens = outputMax }: ModelFacts) =>
  Math.ceil(Math.min(maxOutputTokens, Math.max(2 * summary, Math.min(outputMax, window / 4))))
