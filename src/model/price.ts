/**
 * The cost of a reply, from its usage and the model's price. If the price or the usage is not known, the
 * cost is unknown, and never 0, which would mean "free".
 */
import type { LanguageModelV4Usage } from '@ai-sdk/provider'

import { isAmount } from '../ground/fields.ts'

/** US dollars per million tokens. A missing rate is `input` or, for `reasoning`, `output`. */
export interface Rates {
  /** The rate of prompt tokens. */
  input: number
  /** The rate of generated tokens. */
  output: number
  /** The rate of reasoning tokens. @defaultValue `output` */
  reasoning?: number
  /** The rate of prompt tokens that the provider read from its cache. @defaultValue `input` */
  cacheRead?: number
  /** The rate of prompt tokens that the provider wrote to its cache. @defaultValue `input` */
  cacheWrite?: number
}

/** The price of a model, in US dollars per million tokens. */
export interface Price extends Rates {
  /** The rates of calls with long prompts, in ascending order of `above`. Absent if there are none. */
  tiers?: readonly PriceTier[]
}

/** The rates of a call with a long prompt, in US dollars per million tokens. */
export interface PriceTier extends Rates {
  /** The size of the prompt in tokens above which these rates apply, to all tokens of the call. */
  above: number
}

/** US dollars; undefined if the provider did not report the token counts. */
export function costOf(usage: LanguageModelV4Usage, price: Price): number | undefined {
  const { inputTokens, outputTokens } = usage
  if (inputTokens.total === undefined || outputTokens.total === undefined) return undefined
  const rates = ratesFor(price, inputTokens.total)
  const { cacheRead = 0, cacheWrite = 0 } = inputTokens
  const fresh = Math.max(0, inputTokens.total - cacheRead - cacheWrite)
  const { reasoning = 0 } = outputTokens
  const textTokens = Math.max(0, outputTokens.total - reasoning)
  const millionths =
    fresh * rates.input +
    cacheRead * (rates.cacheRead ?? rates.input) +
    cacheWrite * (rates.cacheWrite ?? rates.input) +
    textTokens * rates.output +
    reasoning * (rates.reasoning ?? rates.output)
  return millionths / 1_000_000
}

/** The highest tier below the prompt's size. Cached tokens count, because they are in the context too. */
function ratesFor(price: Price, promptTokens: number): Rates {
  return price.tiers?.findLast(({ above }) => promptTokens > above) ?? price
}

/**
 * The cost that OpenRouter reports for a call: only OpenRouter has the upstream of the call. If the
 * user's own key pays the upstream, that cost is added to OpenRouter's fee.
 */
export function reportedCost({ raw }: LanguageModelV4Usage): number | undefined {
  const cost = raw?.['cost']
  if (!isAmount(cost)) return undefined
  const details = raw?.['cost_details']
  const upstream =
    raw?.['is_byok'] === true && typeof details === 'object' && details !== null
      ? Object.entries(details).find(([name]) => name === 'upstream_inference_cost')?.[1]
      : 0
  return cost + (isAmount(upstream) ? upstream : 0)
}
