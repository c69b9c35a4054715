/**
 * What an agent may say of compaction: how its conversations are kept within the model's window. The
 * history itself is never rewritten; only what a model is shown of it gets shorter.
 */
import type { ModelMessage } from 'ai'

import type { ModelReference } from './model.ts'

/** Sizes are in tokens, as far as they can be estimated. */
export interface CompactionOptions {
  /**
   * What a prompt may fill, with the system prompt and the tools, before it is compacted.
   * @defaultValue the window less 16,000, or less the most that an answer may fill up to 32,000; three
   * quarters of a small window
   */
  threshold?: number
  /** The newest messages that stay as they are. @defaultValue 20000, at most a third of the threshold */
  keepTokens?: number
  /** False: what does not fit is left out, and nobody is asked for a summary. @defaultValue true */
  summarise?: boolean
  /** Writes the summaries. @defaultValue the model of the turn */
  model?: ModelReference
  /** How a summary is to be written, instead of Loom's own words. */
  prompt?: string
}

/** Why a conversation is to be made shorter. */
export interface CompactionInfo {
  /** What it fills, in tokens, as the next two. */
  tokens: number
  threshold: number
  /** 0 where it is not known. */
  contextWindow: number
  /** `provider/model-id`. */
  model: string
  /** Aborted with the run. */
  signal: AbortSignal
}

/** Gives what the model is shown instead of `messages`, from this step on to the end of the run. */
export type CompactMessages = (
  messages: readonly ModelMessage[],
  info: CompactionInfo,
) => readonly ModelMessage[] | Promise<readonly ModelMessage[]>

/** `false`: never, also where the provider refuses a prompt for its length. */
export type AgentCompaction = false | CompactionOptions | CompactMessages
