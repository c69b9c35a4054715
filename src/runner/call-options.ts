/** The options of a model call in one step: the messages, the tools and the settings. */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import type { ModelFacts } from '../model.ts'
import { toPrompt } from '../model/prompt.ts'
import type { RunSettings } from './run-settings.ts'

export type CallOptions = Omit<LanguageModelV4CallOptions, 'abortSignal'>

/** The context window of a model without a known one. Tokens. */
const defaultWindow = 128_000
/** Only for models that are known to take a temperature: many take only 1, or none at all. */
const defaultTemperature = 0.1

export interface CallSubject {
  messages: readonly ModelMessage[]
  context: unknown
  facts: ModelFacts
}

/** @throws LoomError `invalid-request`, naming the message, if a message has no valid prompt form. */
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
    // Loom's models read `loom`. Other packages read the key with their own name.
    ...(Object.keys(extraBody).length > 0 && {
      providerOptions: { loom: { extraBody }, [provider]: extraBody },
    }),
  }
}

/** The tools as the model receives them. */
export const offersOf = ({ tools }: Pick<RunSettings, 'tools'>, context: unknown) =>
  [...tools.values()].map((tool) => tool.offer(context))

/** The greatest size of a prompt. Tokens. */
export function windowOf({ contextWindow, maxInputTokens }: ModelFacts): number {
  if (contextWindow === undefined) return maxInputTokens ?? defaultWindow
  return Math.min(contextWindow, maxInputTokens ?? contextWindow)
}
