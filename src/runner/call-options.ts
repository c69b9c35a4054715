/** What a model is asked in one step: the conversation as far as it fits, the tools, the settings. */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import { compact } from '../compaction.ts'
import { toPrompt } from '../prompt.ts'
import { publish } from '../telemetry.ts'
import type { Settings } from './settings.ts'

export type CallOptions = Omit<LanguageModelV4CallOptions, 'abortSignal'>

/** @throws LoomError `invalid-request` that names the message which no model could be sent. */
export function callOptions(
  model: LanguageModelV4,
  settings: Settings,
  { messages, context }: { messages: readonly ModelMessage[]; context: unknown },
): CallOptions {
  const { systemPrompt, tools, temperature, maxOutputTokens, extraBody } = settings
  const offers = [...tools.values()].map((tool) => tool.offer(context))
  const provider = model.provider.split('.')[0] ?? model.provider
  return {
    prompt: toPrompt(compacted(messages, settings.contextWindow), systemPrompt),
    temperature,
    ...(offers.length > 0 && { tools: offers }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    // Loom's models read the first; other people's merge what stands under their own name.
    ...(Object.keys(extraBody).length > 0 && {
      providerOptions: { loom: { extraBody }, [provider]: extraBody },
    }),
  }
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
