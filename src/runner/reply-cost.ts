/** The cost of one reply of a model, and its measures for telemetry. */
import type { LanguageModelV4Usage } from '@ai-sdk/provider'

import type { ModelFacts } from '../model.ts'
import { costOf, reportedCost } from '../model/price.ts'
import { costFields } from '../spending.ts'
import type { StepReader } from './step-reader.ts'

/** US dollars; undefined if it is not known. A cost that the provider reports comes first. */
export function priceOf(usage: LanguageModelV4Usage, facts: ModelFacts): number | undefined {
  const reported = facts.reportsCost === true ? reportedCost(usage) : undefined
  return reported ?? (facts.price && costOf(usage, facts.price))
}

export function measuresOf({ spending }: StepReader) {
  const { inputTokens, outputTokens } = spending.usage
  const { cost } = costFields(spending)
  return { inputTokens, outputTokens, ...(cost !== undefined && { costUsd: cost.usd }) }
}
