/**
 * Fields that a caller adds to one message or part on the wire, such as `cache_control`:
 * `providerOptions.openaiCompatible` of that message or part, as in `@ai-sdk/openai-compatible`.
 */
import type { SharedV4ProviderOptions } from '@ai-sdk/provider'

interface WithOptions {
  providerOptions?: SharedV4ProviderOptions
}

export function wireOptions(part: WithOptions) {
  return part.providerOptions?.['openaiCompatible']
}
