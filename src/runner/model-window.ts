/**
 * How much one model takes, in estimated tokens: what is known of it before, corrected by what its
 * replies tell of how long their prompts really were, and by its provider's refusals.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import type { CompactionOptions } from '../compaction.ts'
import type { LoomError } from '../ground/error.ts'
import type { ModelFacts } from '../model.ts'
import { overflowLimit } from '../model/overflow.ts'
import { type CallOptions, windowOf } from './call-options.ts'
import { thresholdOf } from './compaction/limits.ts'

/** What a model call is made with, but for the messages. */
export interface Call {
  model: LanguageModelV4
  facts: ModelFacts
  /** The agent's own word for the window. */
  contextWindow: number | undefined
  maxOutputTokens: number | undefined
  systemPrompt: string
  tools: CallOptions['tools']
}

/** In the model's own tokens; 0 where it is not known. */
export const knownWindow = ({ contextWindow, facts }: Call): number =>
  contextWindow ?? windowOf(facts)

const isGuessed = ({ contextWindow, facts }: Call): boolean =>
  (contextWindow ?? facts.contextWindow ?? facts.maxInputTokens) === undefined

/** Of a prompt that the provider called too long. */
const afterOverflow = 0.6
/** How wrong an estimate may be found to be. */
const [ratioMin, ratioMax] = [0.5, 4]

export class ModelWindow {
  /** Real tokens for an estimated one, as the last reply told. */
  ratio = 1
  /** Where the provider found a prompt too long. */
  #ceiling = Number.POSITIVE_INFINITY
  /** The window, in its provider's words. */
  #told: number | undefined

  sizes(call: Call, options: CompactionOptions): { window: number; threshold: number } {
    const { facts, maxOutputTokens = facts.maxOutputTokens } = call
    const window = this.#told ?? knownWindow(call)
    const threshold = thresholdOf(window, maxOutputTokens, options) / this.ratio
    // A guess is reason enough to shorten, and none to refuse what the provider may well take.
    const isGuess = this.#told === undefined && isGuessed(call)
    return {
      window: window > 0 && !isGuess ? window / this.ratio : Number.POSITIVE_INFINITY,
      threshold: Math.min(threshold, this.#ceiling),
    }
  }

  /** @param inputTokens as the provider counted them; 0 where it did not */
  read(inputTokens: number, estimate: number): void {
    if (inputTokens <= 0 || estimate === 0) return
    this.ratio = Math.min(ratioMax, Math.max(ratioMin, inputTokens / estimate))
  }

  refused({ message }: LoomError, estimate: number): void {
    this.#ceiling = Math.min(this.#ceiling, estimate * afterOverflow)
    this.#told = overflowLimit(message) ?? this.#told
  }
}
