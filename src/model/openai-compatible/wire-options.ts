/**
 * Fields that a caller adds to one message or part as it goes over the wire, such as `cache_control`:
 * `providerOptions.openaiCompatible` of that message or part, as `@ai-sdk/openai-compatible` has it.
 */
import type { SharedV4ProviderOptions } from '@ai-sdk/provider'

interface WithOptions {
  providerOptions?: SharedV4ProviderOptions
}

export function wireOptions(part: WithOptions) {
  return part.providerOptions?.['openaiCompatible']
}
