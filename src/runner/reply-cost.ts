/** The cost of one reply of a model, and its measures for telemetry. */
import type { LanguageModelV4Usage } from '@ai-sdk/provider'

import type { SpendingMeasures } from '../ground/telemetry-events.ts'
import type { ModelFacts } from '../model.ts'
import { costOf, reportedCost } from '../model/price.ts'
import { costFields, type Spending } from '../spending.ts'

/** US dollars; undefined if it is not known. A cost that the provider reports comes first. */
export function priceOf(usage: LanguageModelV4Usage, facts: ModelFacts): number | undefined {
  const reported = facts.reportsCost === true ? reportedCost(usage) : undefined
  return reported ?? (facts.price && costOf(usage, facts.price))
}

export function measuresOf(spending: Spending): SpendingMeasures {
  const { cost } = costFields(spending)
  return { ...spending.usage, ...(cost !== undefined && { costUsd: cost.usd }) }
}
