/**
 * A prompt of the AI SDK as chat-completions messages. One tool message may answer several calls in
 * the SDK, but only one on the wire, so a message can become several.
 */
import type {
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultOutput,
} from '@ai-sdk/provider'
import { UnsupportedFunctionalityError } from '@ai-sdk/provider'

import { base64, contentPart } from './content-part.ts'
import { parseJson } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'
import { wireOptions } from './wire-options.ts'

export interface MessageOptions {
  /** Whose file references and metadata are meant. */
  provider: string
  /** The key of `providerOptions` under which the thought signatures of tool calls are found. */
  metadataKey: string
  /** Tool results keep their parts instead of becoming text. */
  multiPartToolResults: boolean
}

type ContentOf<ROLE extends LanguageModelV4Message['role']> = Extract<
  LanguageModelV4Message,
  { role: ROLE }
>['content']

/** @throws UnsupportedFunctionalityError for a file that has no form in this API. */
export function chatMessages(prompt: LanguageModelV4Prompt, options: MessageOptions): JsonRecord[] {
  return prompt.flatMap((message) => {
    if (message.role === 'tool') return toolMessages(message.content, options)
    return [{ ...oneMessage(message, options), ...wireOptions(message) }]
  })
}

function oneMessage(
  message: Exclude<LanguageModelV4Message, { role: 'tool' }>,
  options: MessageOptions,
): JsonRecord {
  if (message.role === 'user') return userMessage(message.content, options)
  if (message.role === 'assistant') return assistantMessage(message.content, options)
  return { role: 'system', content: message.content }
}

function userMessage(content: ContentOf<'user'>, { provider }: MessageOptions): JsonRecord {
  const [first] = content
  if (content.length === 1 && first?.type === 'text') {
    // A plain string is what every server takes.
    return { role: 'user', content: first.text, ...wireOptions(first) }
  }
  return { role: 'user', content: content.map((part) => contentPart(part, provider)) }
}

function assistantMessage(content: ContentOf<'assistant'>, options: MessageOptions): JsonRecord {
  let text = ''
  let reasoning = ''
  const calls: JsonRecord[] = []
  for (const part of content) {
    if (part.type === 'text') text += part.text
    else if (part.type === 'reasoning') reasoning += part.text
    else if (part.type === 'tool-call') calls.push(toolCall(part, options))
  }
  return {
    role: 'assistant',
    content: calls.length > 0 && text === '' ? null : text,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

function toolCall(part: LanguageModelV4ToolCallPart, { metadataKey }: MessageOptions): JsonRecord {
  const signature =
    part.providerOptions?.[metadataKey]?.['thoughtSignature'] ??
    part.providerOptions?.['google']?.['thoughtSignature']
  return {
    id: part.toolCallId,
    type: 'function',
    function: { name: part.toolName, arguments: toolArguments(part.input) },
    ...wireOptions(part),
    // Gemini refuses a call that comes back without the signature it gave it.
    ...(typeof signature === 'string'
      ? { extra_content: { google: { thought_signature: signature } } }
      : {}),
  }
}

/** A string that is JSON is the arguments already; any other is a value to encode. */
function toolArguments(input: unknown): string {
  if (typeof input === 'string' && parseJson(input) !== undefined) return input
  return JSON.stringify(input) ?? '{}'
}

function toolMessages(content: ContentOf<'tool'>, options: MessageOptions): JsonRecord[] {
  return content
    .filter((part) => part.type === 'tool-result')
    .map((part) => ({
      role: 'tool',
      tool_call_id: part.toolCallId,
      content: toolOutput(part.output, options),
      ...wireOptions(part),
    }))
}

function toolOutput(
  output: LanguageModelV4ToolResultOutput,
  { provider, multiPartToolResults }: MessageOptions,
): string | JsonRecord[] {
  if (output.type === 'text' || output.type === 'error-text') return output.value
  if (output.type === 'json' || output.type === 'error-json') return JSON.stringify(output.value)
  if (output.type === 'execution-denied') return output.reason ?? 'Tool call execution denied.'
  if (!multiPartToolResults) return JSON.stringify(output.value, bytesAsBase64)
  return output.value.map((part) => {
    if (part.type !== 'custom') return contentPart(part, provider)
    throw new UnsupportedFunctionalityError({ functionality: 'custom tool content parts' })
  })
}

/** `JSON.stringify` would spell a byte array out as an object with a key for every byte. */
function bytesAsBase64(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? base64(value) : value
}
