/**
 * The body of a chat-completions request. Later entries win: settings, then the caller's options under
 * the provider's own name, then messages and tools, and last `providerOptions.loom.extraBody`.
 */
import type { LanguageModelV4CallOptions, SharedV4Warning } from '@ai-sdk/provider'

import { familyOf } from './family.ts'
import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'
import { chatMessages } from './messages.ts'

export interface BodyOptions {
  provider: string
  modelId: string
  structuredOutputs: boolean
  multiPartToolResults: boolean
}

export interface RequestBody {
  body: JsonRecord
  warnings: SharedV4Warning[]
  /** The key of `providerMetadata` and `providerOptions` for this call. */
  metadataKey: string
}

/** @throws UnsupportedFunctionalityError for a prompt without a form in this API. */
export function requestBody(call: LanguageModelV4CallOptions, options: BodyOptions): RequestBody {
  const warnings: SharedV4Warning[] = []
  if (call.topK !== undefined) warnings.push({ type: 'unsupported', feature: 'topK' })
  const metadataKey = ownKey(options.provider, call)
  const body: JsonRecord = {
    model: options.modelId,
    max_tokens: call.maxOutputTokens,
    temperature: call.temperature,
    top_p: call.topP,
    frequency_penalty: call.frequencyPenalty,
    presence_penalty: call.presencePenalty,
    response_format: responseFormat(call, options, warnings),
    stop: call.stopSequences,
    seed: call.seed,
    ...ownOptions(call, options.provider),
    messages: chatMessages(call.prompt, {
      ...options,
      metadataKey,
      model: `${options.provider}/${options.modelId}`,
      family: familyOf(options.provider, options.modelId),
    }),
    ...tools(call, warnings),
    stream: true,
    stream_options: { include_usage: true },
    ...extraBody(call),
  }
  return { body, warnings, metadataKey }
}

/** The options of `my-provider` may also be under `myProvider`, which the AI SDK prefers. */
function ownKey(provider: string, { providerOptions }: LanguageModelV4CallOptions): string {
  const camel = camelCase(provider)
  return providerOptions?.[camel] === undefined ? provider : camel
}

const camelCase = (name: string) =>
  name.replaceAll(/[-_]([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Options under the provider's name are body fields, except four that the SDK names differently. */
function ownOptions(call: LanguageModelV4CallOptions, provider: string): JsonRecord {
  const own = {
    ...call.providerOptions?.[provider],
    ...call.providerOptions?.[camelCase(provider)],
  }
  const named = { ...call.providerOptions?.['openaiCompatible'], ...own }
  const { user: _user, reasoningEffort: _effort, textVerbosity: _verbosity, ...rest } = own
  delete rest['strictJsonSchema']
  // An explicit null is sent: some servers distinguish it from an absent field.
  const effortOption = named['reasoningEffort']
  const effort = effortOption === undefined ? customReasoning(call) : effortOption
  return {
    ...(named['user'] === undefined ? {} : { user: named['user'] }),
    ...rest,
    ...(effort === undefined ? {} : { reasoning_effort: effort }),
    ...(named['textVerbosity'] === undefined ? {} : { verbosity: named['textVerbosity'] }),
  }
}

function customReasoning({ reasoning }: LanguageModelV4CallOptions): string | undefined {
  return reasoning === 'provider-default' ? undefined : reasoning
}

function responseFormat(
  call: LanguageModelV4CallOptions,
  { provider, structuredOutputs }: BodyOptions,
  warnings: SharedV4Warning[],
): JsonRecord | undefined {
  const format = call.responseFormat
  if (format?.type !== 'json') return undefined
  if (format.schema === undefined) return { type: 'json_object' }
  if (!structuredOutputs) {
    const details = 'this model takes no JSON schema, only "some JSON"'
    warnings.push({ type: 'unsupported', feature: 'responseFormat', details })
    return { type: 'json_object' }
  }
  const named = {
    ...call.providerOptions?.['openaiCompatible'],
    ...call.providerOptions?.[provider],
    ...call.providerOptions?.[camelCase(provider)],
  }
  return {
    type: 'json_schema',
    json_schema: {
      schema: format.schema,
      strict: named['strictJsonSchema'] ?? true,
      name: format.name ?? 'response',
      description: format.description,
    },
  }
}

function tools(call: LanguageModelV4CallOptions, warnings: SharedV4Warning[]): JsonRecord {
  const functions: JsonRecord[] = []
  for (const tool of call.tools ?? []) {
    if (tool.type === 'provider') {
      warnings.push({ type: 'unsupported', feature: `provider-defined tool ${tool.id}` })
      continue
    }
    const { name, description, inputSchema: parameters, strict } = tool
    functions.push({ type: 'function', function: { name, description, parameters, strict } })
  }
  // Servers refuse an empty list, and a tool choice without a list.
  if (functions.length === 0) return {}
  return { tools: functions, tool_choice: toolChoice(call) }
}

function toolChoice({ toolChoice: choice }: LanguageModelV4CallOptions): unknown {
  if (choice?.type !== 'tool') return choice?.type
  return { type: 'function', function: { name: choice.toolName } }
}

function extraBody({ providerOptions }: LanguageModelV4CallOptions): JsonRecord {
  const extra = providerOptions?.['loom']?.['extraBody']
  return isRecord(extra) ? extra : {}
}
