/** The tokens of model calls, as the provider reports them. A count that it does not report is 0. */
import type { LanguageModelV4Usage } from '@ai-sdk/provider'

/**
 * The tokens of one or more model calls, as the provider reports them. A number that the provider does not
 * report is 0.
 * @example
 * ```ts
 * import { defineAgent, run, type Usage } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const { usage } = await run(agent, 'What is 2 + 2?')
 * const cachedPart = ({ cachedInputTokens, inputTokens }: Usage) => cachedInputTokens / inputTokens
 * ```
 */
export interface Usage {
  /** All prompt tokens, including cached ones. */
  inputTokens: number
  /** All generated tokens, including reasoning. */
  outputTokens: number
  /** The sum of `inputTokens` and `outputTokens`. */
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

/** Converts the nested usage of a `LanguageModelV4` to a flat one. */
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
