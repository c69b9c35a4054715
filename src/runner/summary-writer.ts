/** How a run asks for the summary of what it can no longer show: of its own model, or another. */
import type { CompactionOptions } from '../compaction.ts'
import { textTokens } from '../compaction/estimate.ts'
import { type Limits, thresholdOf } from '../compaction/limits.ts'
import { summaryPrompt } from '../compaction/summarise.ts'
import type { ModelFacts, Models } from '../model.ts'
import type { Spending } from '../spending.ts'
import { askSummary } from './ask-summary.ts'
import { callOptions, windowOf } from './call-options.ts'
import type { AskForSummary, Call } from './compactor.ts'
import type { Settings } from './settings.ts'

export interface SummaryWriterOptions {
  models: Models
  options: CompactionOptions
  /** As they are in this step. */
  settings: () => Settings
  context: unknown
  signal: AbortSignal
  /** Awaited before each model call. */
  beforeStart: (() => Promise<void>) | undefined
  spend: (spending: Spending) => void
}

/** A model that thinks before it writes needs room for that too. Tokens. */
const outputMax = 8000
/** More in one call is read no better, and takes longer. */
const roomMax = 100_000

export function summaryWriter(writer: SummaryWriterOptions): AskForSummary {
  const { options, context, signal, beforeStart, spend } = writer
  const prompt = options.prompt ?? summaryPrompt
  return async (call, limits) => {
    const { model, facts, most } = await summariserOf(writer, call, limits)
    const settings: Settings = {
      ...writer.settings(),
      systemPrompt: prompt,
      tools: new Map(),
      maxOutputTokens: outputOf(limits, facts),
    }
    const left = most * 0.9 - textTokens(prompt)
    return {
      room: Math.min(roomMax, Math.max(left, most / 4)),
      async ask(question) {
        await beforeStart?.()
        return askSummary({
          model,
          facts,
          signal,
          spend,
          name: `${model.provider}/${model.modelId}`,
          limits: settings.limits,
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
