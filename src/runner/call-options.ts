/** The options of a model call in one step: the messages, the tools and the settings. */
import type { JSONObject, LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { mergeObjects } from '../ground/merge.ts'
import { didYouMean, nearestNames } from '../ground/nearest.ts'
import type { ModelFacts } from '../model.ts'
import { toPrompt } from '../model/prompt.ts'
import type { ProviderOptions } from '../step-preparation.ts'
import { answerFormat, lenientSchema, withInstructions } from './output/answer-format.ts'
import type { RunSettings } from './run-settings.ts'
import { systemMessages } from './system-messages.ts'
import { activeTable } from './tool-table.ts'

/**
 * The options of a model call, as the AI SDK's `LanguageModelV4` takes them, without the signal.
 */
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

/**
 * @throws LoomError `invalid-request`, naming the message, if a message has no valid prompt form;
 * `invalid-config` if the tool choice names no active tool.
 */
export function callOptions(
  model: LanguageModelV4,
  settings: RunSettings,
  { messages, context, facts }: CallSubject,
): CallOptions {
  const { systemPrompt, maxOutputTokens, sampling } = settings
  const temperature =
    settings.temperature ?? (facts.temperature === true ? defaultTemperature : undefined)
  const format = answerFormat(model, settings, offersOf(settings, context))
  const { tools } = format
  const providerOptions = optionsOf(model, settings, format.isLenient)
  return {
    prompt: toPrompt(
      messages,
      systemMessages(model, withInstructions(systemPrompt, settings.output)),
    ),
    ...(format.responseFormat !== undefined && { responseFormat: format.responseFormat }),
    ...(temperature !== undefined && { temperature }),
    ...(tools.length > 0 && { tools }),
    ...choiceOf(settings, tools),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...sampling,
    ...(Object.keys(providerOptions).length > 0 && { providerOptions }),
  }
}

/** The tools as the model receives them. */
export const offersOf = (
  { tools, activeTools }: Pick<RunSettings, 'tools' | 'activeTools'>,
  context: unknown,
) => [...activeTable(tools, activeTools).values()].map((tool) => tool.offer(context))

/** Providers refuse a tool choice without tools, and the choice of a tool that is not offered. */
function choiceOf(
  { toolChoice }: RunSettings,
  tools: readonly { name: string }[],
): Pick<CallOptions, 'toolChoice'> {
  if (toolChoice === undefined) return {}
  if (typeof toolChoice === 'string') {
    return tools.length === 0 ? {} : { toolChoice: { type: toolChoice } }
  }
  const names = tools.map(({ name }) => name)
  const { toolName } = toolChoice
  if (names.includes(toolName)) return { toolChoice }
  const hint = didYouMean(nearestNames(toolName, names))
  throw new LoomError(
    'invalid-config',
    `toolChoice names "${toolName}", which is no active tool.${hint} The active tools are: ${names.join(', ') || 'none'}.`,
  )
}

/**
 * The options of the agent, with its `extraBody`. Loom's models read `loom`. Other packages read the key
 * with their own name, so the fields of `extraBody` stand there too.
 */
function optionsOf(
  model: LanguageModelV4,
  { extraBody, providerOptions: ownOptions }: RunSettings,
  isLenient: boolean,
): Record<string, JSONObject> {
  const providerOptions = isLenient ? mergedOptions(lenientSchema, ownOptions) : ownOptions
  if (Object.keys(extraBody).length === 0) return providerOptions
  const provider = model.provider.split('.')[0] ?? model.provider
  const own = providerOptions[provider]
  const loom = { ...providerOptions['loom'], extraBody }
  if (own === undefined) return { ...providerOptions, loom, [provider]: extraBody }
  return {
    ...providerOptions,
    loom: { ...loom, ownOptions: { [provider]: own } },
    [provider]: mergeObjects(own, extraBody),
  }
}

/** Returns `base` with the options of `over`, merged deeply. */
export const mergedOptions = (base: ProviderOptions, over: ProviderOptions): ProviderOptions =>
  Object.fromEntries([
    ...Object.entries(base),
    ...Object.entries(over).map(([name, options]) => [
      name,
      mergeObjects(base[name] ?? {}, options),
    ]),
  ])

/** The greatest size of a prompt. Tokens. */
export function windowOf({ contextWindow, maxInputTokens }: ModelFacts): number {
  if (contextWindow === undefined) return maxInputTokens ?? defaultWindow
  return Math.min(contextWindow, maxInputTokens ?? contextWindow)
}
