/** Tokens spent, as the provider reports them. What a provider leaves out counts as 0. */
import type { LanguageModelV4Usage } from '@ai-sdk/provider'

/** Tokens of a model call, or of several. */
export interface Usage {
  /** All prompt tokens, cached ones included. */
  inputTokens: number
  /** All generated tokens, reasoning included. */
  outputTokens: number
  totalTokens: number
  /** The part of `inputTokens` that was read from the provider's prompt cache. */
  cachedInputTokens: number
  /** The part of `outputTokens` that was reasoning. */
  reasoningTokens: number
}

export const noUsage: Readonly<Usage> = {
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
  cachedInputTokens: 0,
  reasoningTokens: 0,
}

export function addUsage(a: Readonly<Usage>, b: Readonly<Usage>): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    totalTokens: a.totalTokens + b.totalTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  }
}

/** Flattens the nested usage of a `LanguageModelV4`. */
export function usageOf(usage: LanguageModelV4Usage): Usage {
  const inputTokens = usage.inputTokens.total ?? 0
  const outputTokens = usage.outputTokens.total ?? 0
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    cachedInputTokens: usage.inputTokens.cacheRead ?? 0,
    reasoningTokens: usage.outputTokens.reasoning ?? 0,
  }
}
