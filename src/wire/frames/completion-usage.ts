/** The token counts of an answer in the form of the chat completions API. */

export interface CompletionUsage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
  completion_tokens_details: { reasoning_tokens: number }
}

/** @param metadata the metadata of a message. Returns undefined if it has no counts */
export function completionUsage(metadata: unknown): CompletionUsage | undefined {
  if (typeof metadata !== 'object' || metadata === null || !('usage' in metadata)) return undefined
  const { usage } = metadata
  if (typeof usage !== 'object' || usage === null) return undefined
  const counts = new Map<string, unknown>(Object.entries(usage))
  const count = (name: string): number => {
    const value = counts.get(name)
    return typeof value === 'number' ? value : 0
  }
  if (typeof counts.get('inputTokens') !== 'number') return undefined
  return {
    prompt_tokens: count('inputTokens'),
    completion_tokens: count('outputTokens'),
    total_tokens: count('totalTokens'),
    prompt_tokens_details: { cached_tokens: count('cachedInputTokens') },
    completion_tokens_details: { reasoning_tokens: count('reasoningTokens') },
  }
}
