/** What a model is asked in one step: the conversation as far as it fits, the tools, the settings. */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import { compact } from '../compaction.ts'
import type { ModelFacts } from '../model.ts'
import { toPrompt } from '../prompt.ts'
import { publish } from '../telemetry.ts'
import type { Settings } from './settings.ts'

export type CallOptions = Omit<LanguageModelV4CallOptions, 'abortSignal'>

/** Of models of which nothing is known, in tokens. */
const defaultWindow = 128_000
const defaultTemperature = 0.1

export interface CallSubject {
  messages: readonly ModelMessage[]
  context: unknown
  facts: ModelFacts
}

/** @throws LoomError `invalid-request` that names the message which no model could be sent. */
export function callOptions(
  model: LanguageModelV4,
  settings: Settings,
  { messages, context, facts }: CallSubject,
): CallOptions {
  const { systemPrompt, tools, maxOutputTokens, extraBody } = settings
  const contextWindow = settings.contextWindow ?? windowOf(facts)
  const temperature =
    settings.temperature ?? (facts.temperature === false ? undefined : defaultTemperature)
  const offers = [...tools.values()].map((tool) => tool.offer(context))
  const provider = model.provider.split('.')[0] ?? model.provider
  return {
    prompt: toPrompt(compacted(messages, contextWindow), systemPrompt),
    ...(temperature !== undefined && { temperature }),
    ...(offers.length > 0 && { tools: offers }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    // Loom's models read the first; other people's merge what stands under their own name.
    ...(Object.keys(extraBody).length > 0 && {
      providerOptions: { loom: { extraBody }, [provider]: extraBody },
    }),
  }
}

/** What a prompt may fill. */
function windowOf({ contextWindow, maxInputTokens }: ModelFacts): number {
  if (contextWindow === undefined) return maxInputTokens ?? defaultWindow
  return Math.min(contextWindow, maxInputTokens ?? contextWindow)
}

function compacted(
  messages: readonly ModelMessage[],
  contextWindow: number,
): readonly ModelMessage[] {
  const compaction = compact(messages, contextWindow)
  if (compaction === undefined) return messages
  const { tokensBefore, tokensAfter, removed, kept } = compaction
  publish('context:compact', () => [
    { tokensBefore, tokensAfter },
    { removed, kept },
  ])
  return compaction.messages
}
