/**
 * The size of one model's window in estimated tokens. It starts from the known facts and is corrected by
 * the token counts of replies and by the provider's refusals.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import type { CompactionOptions } from '../compaction.ts'
import type { LoomError } from '../ground/error.ts'
import type { ModelFacts } from '../model.ts'
import { overflowLimit } from '../model/overflow.ts'
import type { SystemPrompt } from '../system-prompt.ts'
import { type CallOptions, windowOf } from './call-options.ts'
import { thresholdOf } from './compaction/limits.ts'

/** The inputs of a model call, except the messages. */
export interface Call {
  model: LanguageModelV4
  facts: ModelFacts
  /** The window that the agent sets. */
  contextWindow: number | undefined
  maxOutputTokens: number | undefined
  systemPrompt: SystemPrompt
  tools: CallOptions['tools']
}

/** In the model's own tokens; 0 if it is not known. */
export const knownWindow = ({ contextWindow, facts }: Call): number =>
  contextWindow ?? windowOf(facts)

const isGuessed = ({ contextWindow, facts }: Call): boolean =>
  (contextWindow ?? facts.contextWindow ?? facts.maxInputTokens) === undefined

/** The share of a refused prompt's size that the next prompt may have. */
const afterOverflow = 0.6
/** The bounds of the correction of an estimate. */
const [ratioMin, ratioMax] = [0.5, 4]

export class ModelWindow {
  /** Real tokens per estimated token, from the last reply. */
  ratio = 1
  /** The estimated size above which the provider refuses a prompt. */
  #ceiling = Number.POSITIVE_INFINITY
  /** The window that the provider's refusal stated. */
  #statedWindow: number | undefined

  sizes(call: Call, options: CompactionOptions): { window: number; threshold: number } {
    const { facts, maxOutputTokens = facts.maxOutputTokens } = call
    const window = this.#statedWindow ?? knownWindow(call)
    const threshold = thresholdOf(window, maxOutputTokens, options) / this.ratio
    // A guessed window is a reason to shorten, but not to refuse a prompt that the provider may accept.
    const isGuess = this.#statedWindow === undefined && isGuessed(call)
    return {
      window: window > 0 && !isGuess ? window / this.ratio : Number.POSITIVE_INFINITY,
      threshold: Math.min(threshold, this.#ceiling),
    }
  }

  /** @param inputTokens the provider's count; 0 if the provider sent none */
  recordUsage(inputTokens: number, estimate: number): void {
    if (inputTokens <= 0 || estimate === 0) return
    this.ratio = Math.min(ratioMax, Math.max(ratioMin, inputTokens / estimate))
  }

  recordOverflow({ message }: LoomError, estimate: number): void {
    this.#ceiling = Math.min(this.#ceiling, estimate * afterOverflow)
    this.#statedWindow = overflowLimit(message) ?? this.#statedWindow
  }
}
