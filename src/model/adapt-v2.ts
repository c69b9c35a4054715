/**
 * Wraps a model of provider specification 2 as one of specification 3. In version 2 usage is flat and
 * the finish reason is a string. It has no approvals and no denied outputs, and only text and media in a
 * tool output. A URL becomes text, which a model can at least read.
 */
import type {
  LanguageModelV2,
  LanguageModelV2CallOptions,
  LanguageModelV2CallWarning,
  LanguageModelV2Content,
  LanguageModelV2FinishReason,
  LanguageModelV2Message,
  LanguageModelV2StreamPart,
  LanguageModelV2ToolResultOutput,
  LanguageModelV2ToolResultPart,
  LanguageModelV2Usage,
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3FinishReason,
  LanguageModelV3Message,
  LanguageModelV3StreamPart,
  LanguageModelV3ToolResult,
  LanguageModelV3ToolResultOutput,
  LanguageModelV3ToolResultPart,
  LanguageModelV3Usage,
  SharedV2ProviderOptions,
  SharedV3ProviderOptions,
  SharedV3Warning,
} from '@ai-sdk/provider'

import { toJson } from '../ground/json.ts'
import { type ContentItem, isNotEmpty, mapStream } from './adapt-v3.ts'

export function v3OfV2(model: LanguageModelV2): LanguageModelV3 {
  return {
    specificationVersion: 'v3',
    provider: model.provider,
    modelId: model.modelId,
    get supportedUrls() {
      return model.supportedUrls
    },
    async doGenerate(options) {
      const result = await model.doGenerate(optionsForV2(options))
      return {
        ...result,
        content: result.content.map(contentOfV2),
        finishReason: finishReasonOfV2(result.finishReason),
        usage: usageOfV2(result.usage),
        warnings: result.warnings.map(warningOfV2),
      }
    },
    async doStream(options) {
      const result = await model.doStream(optionsForV2(options))
      return { ...result, stream: mapStream(result.stream, partOfV2) }
    },
  }
}

function partOfV2(part: LanguageModelV2StreamPart): LanguageModelV3StreamPart {
  if (part.type === 'stream-start') {
    return { type: 'stream-start', warnings: part.warnings.map(warningOfV2) }
  }
  if (part.type === 'finish') {
    const { finishReason, usage } = part
    return { ...part, finishReason: finishReasonOfV2(finishReason), usage: usageOfV2(usage) }
  }
  return part.type === 'tool-result' ? resultOfV2(part) : part
}

const contentOfV2 = (part: LanguageModelV2Content): LanguageModelV3Content =>
  part.type === 'tool-result' ? resultOfV2(part) : part

function resultOfV2(
  part: Extract<LanguageModelV2Content, { type: 'tool-result' }>,
): LanguageModelV3ToolResult {
  const { result, providerExecuted: _alwaysSoInV3, ...rest } = part
  // Specification 3 does not allow null here.
  return { ...rest, result: toJson(result) ?? '' }
}

function finishReasonOfV2(reason: LanguageModelV2FinishReason): LanguageModelV3FinishReason {
  return { unified: reason === 'unknown' ? 'other' : reason, raw: reason }
}

/** Providers differ on whether `inputTokens` includes cached tokens, so no other count is derived. */
function usageOfV2(usage: LanguageModelV2Usage): LanguageModelV3Usage {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens } = usage
  return {
    inputTokens: {
      total: inputTokens,
      noCache: undefined,
      cacheRead: cachedInputTokens,
      cacheWrite: undefined,
    },
    outputTokens: { total: outputTokens, text: undefined, reasoning: reasoningTokens },
    raw: { ...usage },
  }
}

function warningOfV2(warning: LanguageModelV2CallWarning): SharedV3Warning {
  if (warning.type === 'other') return warning
  const feature =
    warning.type === 'unsupported-tool' ? `tool ${warning.tool.name}` : String(warning.setting)
  const { details } = warning
  return { type: 'unsupported', feature, ...(details !== undefined && { details }) }
}

function optionsForV2(options: LanguageModelV3CallOptions): LanguageModelV2CallOptions {
  const { prompt, tools, providerOptions, ...rest } = options
  return {
    ...rest,
    ...definedOptions(providerOptions),
    prompt: prompt.map(messageForV2).filter(isNotEmpty),
    ...(tools !== undefined && { tools: tools.map(toolForV2) }),
  }
}

/** Specification 2 allows no `undefined` among the values of provider options. */
function definedOptions(options: SharedV3ProviderOptions | undefined): {
  providerOptions?: SharedV2ProviderOptions
} {
  if (options === undefined) return {}
  const entries = Object.entries(options).map(([provider, values]) => {
    const defined = Object.entries(values).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const],
    )
    return [provider, Object.fromEntries(defined)] as const
  })
  return { providerOptions: Object.fromEntries(entries) }
}

function messageForV2(message: LanguageModelV3Message): LanguageModelV2Message {
  const options = definedOptions(message.providerOptions)
  if (message.role === 'system') return { role: 'system', content: message.content, ...options }
  if (message.role === 'user') {
    const content = message.content.map(({ providerOptions, ...part }) => ({
      ...part,
      ...definedOptions(providerOptions),
    }))
    return { role: 'user', content, ...options }
  }
  if (message.role === 'tool') {
    const results = message.content.filter((part) => part.type === 'tool-result')
    return { role: 'tool', content: results.map(resultForV2), ...options }
  }
  const content = message.content.map((part) => {
    if (part.type === 'tool-result') return resultForV2(part)
    const { providerOptions, ...rest } = part
    return { ...rest, ...definedOptions(providerOptions) }
  })
  return { role: 'assistant', content, ...options }
}

function resultForV2(part: LanguageModelV3ToolResultPart): LanguageModelV2ToolResultPart {
  const { providerOptions, output, ...rest } = part
  return { ...rest, output: outputForV2(output), ...definedOptions(providerOptions) }
}

function outputForV2(output: LanguageModelV3ToolResultOutput): LanguageModelV2ToolResultOutput {
  if (output.type === 'execution-denied') {
    return { type: 'error-text', value: output.reason ?? 'The tool call was denied.' }
  }
  if (output.type === 'content') {
    return { type: 'content', value: output.value.flatMap(itemForV2) }
  }
  const { providerOptions: _unknownToV2, ...rest } = output
  return rest
}

function itemForV2(
  item: ContentItem<LanguageModelV3ToolResultOutput>,
): ContentItem<LanguageModelV2ToolResultOutput>[] {
  if (item.type === 'custom') return []
  if (item.type === 'text') return [{ type: 'text', text: item.text }]
  if (item.type === 'file-url' || item.type === 'image-url') {
    return [{ type: 'text', text: item.url }]
  }
  if (item.type === 'file-data' || item.type === 'image-data') {
    return [{ type: 'media', data: item.data, mediaType: item.mediaType }]
  }
  return [{ type: 'text', text: `[file ${JSON.stringify(item.fileId)}]` }]
}

function toolForV2(
  tool: NonNullable<LanguageModelV3CallOptions['tools']>[number],
): NonNullable<LanguageModelV2CallOptions['tools']>[number] {
  if (tool.type === 'provider') return { ...tool, type: 'provider-defined' }
  const { inputExamples: _unknownToV2, strict: _unknownToV2Too, providerOptions, ...known } = tool
  return { ...known, ...definedOptions(providerOptions) }
}
