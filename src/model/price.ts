/**
 * What a reply cost, from its usage and the model's price. A price or a usage that is not known makes
 * the cost unknown, never 0: a 0 would be read as "free".
 */
import type { LanguageModelV4Usage } from '@ai-sdk/provider'

/** US dollars per million tokens. What is left out costs as `input` or, of `reasoning`, as `output`. */
export interface Rates {
  input: number
  output: number
  reasoning?: number
  cacheRead?: number
  cacheWrite?: number
}

export interface Price extends Rates {
  /** Rates for all tokens of a call whose prompt holds more than `above` tokens; ascending. */
  tiers?: readonly PriceTier[]
}

export interface PriceTier extends Rates {
  above: number
}

/** US dollars; undefined where the provider did not say how many tokens there were. */
export function costOf(usage: LanguageModelV4Usage, price: Price): number | undefined {
  const { inputTokens, outputTokens } = usage
  if (inputTokens.total === undefined || outputTokens.total === undefined) return undefined
  const rates = ratesFor(price, inputTokens.total)
  const { cacheRead = 0, cacheWrite = 0 } = inputTokens
  const fresh = Math.max(0, inputTokens.total - cacheRead - cacheWrite)
  const { reasoning = 0 } = outputTokens
  const said = Math.max(0, outputTokens.total - reasoning)
  const millionths =
    fresh * rates.input +
    cacheRead * (rates.cacheRead ?? rates.input) +
    cacheWrite * (rates.cacheWrite ?? rates.input) +
    said * rates.output +
    reasoning * (rates.reasoning ?? rates.output)
  return millionths / 1_000_000
}

/** The highest tier that the prompt is above; cached tokens count, they are in the context too. */
function ratesFor(price: Price, promptTokens: number): Rates {
  return price.tiers?.findLast(({ above }) => promptTokens > above) ?? price
}

/**
 * What OpenRouter says that a call cost: it alone knows which upstream it went to. Where the upstream
 * is paid with the user's own key, that bill is on top of OpenRouter's fee.
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

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
