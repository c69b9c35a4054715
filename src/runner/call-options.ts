/** What a model is asked in one step: what it is shown of the conversation, the tools, the settings. */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import type { ModelFacts } from '../model.ts'
import { toPrompt } from '../model/prompt.ts'
import type { RunSettings } from './run-settings.ts'

export type CallOptions = Omit<LanguageModelV4CallOptions, 'abortSignal'>

/** Of models of which nothing is known, in tokens. */
const defaultWindow = 128_000
/** Only of models that are known to take one: many take 1 alone, or no temperature at all. */
const defaultTemperature = 0.1

export interface CallSubject {
  messages: readonly ModelMessage[]
  context: unknown
  facts: ModelFacts
}

/** @throws LoomError `invalid-request` that names the message which no model could be sent. */
export function callOptions(
  model: LanguageModelV4,
  settings: RunSettings,
  { messages, context, facts }: CallSubject,
): CallOptions {
  const { systemPrompt, maxOutputTokens, extraBody } = settings
  const temperature =
    settings.temperature ?? (facts.temperature === true ? defaultTemperature : undefined)
  const tools = offersOf(settings, context)
  const provider = model.provider.split('.')[0] ?? model.provider
  return {
    prompt: toPrompt(messages, systemPrompt),
    ...(temperature !== undefined && { temperature }),
    ...(tools.length > 0 && { tools }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    // Loom's models read the first; other people's merge what stands under their own name.
    ...(Object.keys(extraBody).length > 0 && {
      providerOptions: { loom: { extraBody }, [provider]: extraBody },
    }),
  }
}

/** The tools as the model is told of them. */
export const offersOf = ({ tools }: Pick<RunSettings, 'tools'>, context: unknown) =>
  [...tools.values()].map((tool) => tool.offer(context))

/** What a prompt may fill. */
export function windowOf({ contextWindow, maxInputTokens }: ModelFacts): number {
  if (contextWindow === undefined) return maxInputTokens ?? defaultWindow
  return Math.min(contextWindow, maxInputTokens ?? contextWindow)
}
