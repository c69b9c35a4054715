/** The token counts of a response in the form of the Responses API. */
import { type CompletionUsage, completionUsage } from './completion-usage.ts'

export interface ResponseUsage {
  input_tokens: number
  input_tokens_details: { cached_tokens: number; cache_write_tokens: number }
  output_tokens: number
  output_tokens_details: { reasoning_tokens: number }
  total_tokens: number
}

/**
 * Returns the counts of one part of a message. Undefined if the message has none.
 * @param metadata the metadata of the message after the part
 * @param before the metadata after the part before it: the metadata of a message counts all of its parts
 */
export function responseUsage(metadata: unknown, before: unknown): ResponseUsage | undefined {
  const total = completionUsage(metadata)
  if (total === undefined) return undefined
  const earlier = completionUsage(before)
  const count = (of: (usage: CompletionUsage) => number) =>
    Math.max(0, of(total) - (earlier === undefined ? 0 : of(earlier)))
  return {
    input_tokens: count((usage) => usage.prompt_tokens),
    input_tokens_details: {
      cached_tokens: count((usage) => usage.prompt_tokens_details.cached_tokens),
      cache_write_tokens: 0,
    },
    output_tokens: count((usage) => usage.completion_tokens),
    output_tokens_details: {
      reasoning_tokens: count((usage) => usage.completion_tokens_details.reasoning_tokens),
    },
    total_tokens: count((usage) => usage.total_tokens),
  }
}
