/**
 * The system prompt in the form of one model: messages with the marks up to which the provider caches, or
 * one text for a provider without such marks. (The providers that cache without a mark need none.)
 */
import type { JSONObject, LanguageModelV4 } from '@ai-sdk/provider'
import type { SystemModelMessage } from 'ai'

import { isDirectModel } from '../model.ts'
import {
  type SystemPrompt,
  type SystemPromptPart,
  systemParts,
  systemText,
} from '../system-prompt.ts'

export function systemMessages(
  model: LanguageModelV4,
  prompt: SystemPrompt,
): string | SystemModelMessage[] {
  const marks = typeof prompt === 'string' ? undefined : marksOf(model)
  if (marks === undefined) return systemText(prompt)
  // Parts up to a mark are one message: a mark is the only reason to separate them.
  const messages: SystemModelMessage[] = []
  let open: SystemPromptPart[] = []
  for (const part of systemParts(prompt)) {
    open.push(part)
    if (part.cache === undefined || part.cache === false) continue
    messages.push({ ...messageOf(open), providerOptions: marks(part.cache) })
    open = []
  }
  return open.length === 0 ? messages : [...messages, messageOf(open)]
}

const messageOf = (parts: readonly SystemPromptPart[]): SystemModelMessage => ({
  role: 'system',
  content: systemText(parts),
})

type Marks = (cache: true | '5m' | '1h') => Record<string, JSONObject>

/** Returns the mark of a cached message as provider options. Undefined if the provider has none. */
function marksOf(model: LanguageModelV4): Marks | undefined {
  const { provider, modelId } = model
  if (isDirectModel(model)) {
    // https://openrouter.ai/docs/features/prompt-caching
    const isMarked = provider === 'openrouter' && /^~?(?:anthropic|google)\//.test(modelId)
    return isMarked ? (cache) => ({ loom: { cacheControl: cacheControl(cache) } }) : undefined
  }
  if (!/anthropic|claude/i.test(`${provider} ${modelId}`)) return undefined
  // Each package reads its own key: @ai-sdk/anthropic (also on Vertex and a gateway), and Amazon Bedrock.
  return (cache) => ({
    anthropic: { cacheControl: cacheControl(cache) },
    bedrock: { cachePoint: { type: 'default' } },
  })
}

const cacheControl = (cache: true | '5m' | '1h'): JSONObject => ({
  type: 'ephemeral',
  ...(cache !== true && { ttl: cache }),
})
