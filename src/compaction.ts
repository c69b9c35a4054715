/**
 * An agent's settings of compaction, which keeps conversations within the model's window. The stored
 * history does not change; only the prompts get shorter.
 */
import type { ModelMessage } from 'ai'

import type { FieldsOf } from './ground/known-fields.ts'
import type { ModelReference } from './model.ts'

/**
 * The options of an agent's `compaction`, which keeps the prompt within the model's context window. Sizes are
 * estimates, in tokens.
 * @example
 * ```ts
 * import { type CompactionOptions, defineAgent } from 'loomkit'
 *
 * const compaction: CompactionOptions = { threshold: 60_000, model: 'demo/assistant' }
 * const agent = defineAgent({ name: 'reader', systemPrompt: 'Answer briefly.', compaction })
 * ```
 */
export interface CompactionOptions {
  /**
   * The size of a prompt, with the system prompt and the tools, above which it is compacted.
   * @defaultValue the window minus 16,000, or minus the maximum output (up to 32,000); three quarters of a
   * small window
   */
  threshold?: number
  /**
   * The size of the newest messages, which stay unchanged.
   * @defaultValue 20000, at most a third of the threshold
   */
  keepTokens?: number
  /**
   * Lets a model summarise the oldest messages. If false, they are left out instead.
   * @defaultValue true
   */
  summarise?: boolean
  /** The model that writes the summaries. @defaultValue the model of the turn */
  model?: ModelReference
  /** The instructions for a summary. @defaultValue Loom's own instructions */
  prompt?: string
}

/** The fields of `CompactionOptions`. */
export const compactionFields: FieldsOf<CompactionOptions> = {
  threshold: true,
  keepTokens: true,
  summarise: true,
  model: true,
  prompt: true,
}

/**
 * The facts of one compaction. A `CompactMessages` function receives them.
 * @example
 * ```ts
 * import type { CompactionInfo } from 'loomkit'
 *
 * const excessOf = ({ tokens, threshold }: CompactionInfo) => Math.max(0, tokens - threshold)
 * ```
 */
export interface CompactionInfo {
  /** The size of the prompt in tokens. */
  tokens: number
  /** The size in tokens above which a prompt is compacted. */
  threshold: number
  /** The context window of the model in tokens. 0 if it is unknown. */
  contextWindow: number
  /** The model, as `provider/model-id`. */
  model: string
  /** Aborts together with the run. */
  signal: AbortSignal
}

/**
 * Returns the messages that replace `messages` in the prompts of the model, from this step to the end of the
 * run. The stored history does not change. If it throws, the turn fails.
 * @example
 * ```ts
 * import { type CompactMessages, defineAgent } from 'loomkit'
 *
 * const compaction: CompactMessages = (messages) => messages.slice(-20)
 * const agent = defineAgent({ name: 'reader', systemPrompt: 'Answer briefly.', compaction })
 * ```
 */
export type CompactMessages = (
  messages: readonly ModelMessage[],
  info: CompactionInfo,
) => readonly ModelMessage[] | Promise<readonly ModelMessage[]>

/**
 * The `compaction` of an agent: options, or a function that replaces Loom's own compaction. `false` turns
 * compaction off, also if the provider refuses a prompt because of its length.
 * @example
 * ```ts
 * import { type AgentCompaction, defineAgent } from 'loomkit'
 *
 * const compaction: AgentCompaction = { keepTokens: 10_000, summarise: false }
 * const agent = defineAgent({ name: 'reader', systemPrompt: 'Answer briefly.', compaction })
 * ```
 */
export type AgentCompaction = false | CompactionOptions | CompactMessages
