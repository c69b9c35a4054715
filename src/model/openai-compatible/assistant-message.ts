/** A message of the assistant as a chat-completions message, in the form that the model sent. */
import type { LanguageModelV4Message, LanguageModelV4ToolCallPart } from '@ai-sdk/provider'

import { jsonValueOf } from '../../ground/json.ts'
import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'
import type { MessageOptions } from './message-options.ts'
import { hasWireForm, signatureIn, type ThoughtField, wireFormOf } from './wire-form.ts'
import { wireOptions } from './wire-options.ts'

type Content = Extract<LanguageModelV4Message, { role: 'assistant' }>['content']

/** Returns undefined for a message without text and calls: providers refuse it. */
export function assistantMessage(
  content: Content,
  options: MessageOptions,
): JsonRecord | undefined {
  let text = ''
  let thoughts = ''
  let thought: ThoughtField | undefined
  let fields: JsonRecord = {}
  const calls: JsonRecord[] = []
  for (const part of content) {
    const form = wireFormOf(part, options.model)
    thought ??= form?.thought
    fields = { ...fields, ...form?.fields }
    if (part.type === 'text') text += part.text
    // Reasoning of another or an unknown model must not be sent to this one.
    else if (part.type === 'reasoning' && form !== undefined) thoughts += part.text
    else if (part.type === 'tool-call') calls.push(toolCall(part, options))
  }
  if (calls.length === 0 && text.trim() === '') return undefined
  return {
    role: 'assistant',
    content: contentOf({ text, hasCalls: calls.length > 0, thoughts, thought }),
    ...(thought !== undefined && thought !== 'content' && { [thought]: thoughts }),
    ...fields,
    ...(calls.length > 0 && { tool_calls: withSignature(calls, fields) }),
  }
}

/** Mistral's reasoning is a part of the content: docs.mistral.ai/capabilities/reasoning */
function contentOf(answer: {
  text: string
  hasCalls: boolean
  thoughts: string
  thought: ThoughtField | undefined
}): unknown {
  const { text, hasCalls, thoughts, thought } = answer
  if (thought === 'content' && thoughts !== '') {
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: thoughts }] }
    return text === '' ? [thinking] : [thinking, { type: 'text', text }]
  }
  return hasCalls && text === '' ? null : text
}

function toolCall(part: LanguageModelV4ToolCallPart, options: MessageOptions): JsonRecord {
  const callee = { name: part.toolName, arguments: toolArguments(part.input) }
  const { function: inFunction, ...beside } = signatureFields(part, options)
  return {
    id: options.family.callId(part.toolCallId),
    type: 'function',
    function: isRecord(inFunction) ? { ...callee, ...inFunction } : callee,
    ...wireOptions(part),
    ...beside,
  }
}

/** Gemini refuses a call without the signature that it sent with it. */
function signatureFields(
  part: LanguageModelV4ToolCallPart,
  { metadataKey, model }: MessageOptions,
): JsonRecord {
  const call = part.providerOptions?.['loom']?.['call']
  if (isRecord(call)) {
    const { fields } = call
    return call['model'] === model && isRecord(fields) ? fields : {}
  }
  if (hasWireForm(part)) return {}
  // A call of an older history, or a call from Google's own package.
  const isGemini = /gemini/i.test(model)
  const signature =
    part.providerOptions?.[metadataKey]?.['thoughtSignature'] ??
    (isGemini ? part.providerOptions?.['google']?.['thoughtSignature'] : undefined)
  if (typeof signature !== 'string') return {}
  return { extra_content: { google: { thought_signature: signature } } }
}

/** A signature beside the calls belongs to the first call. */
function withSignature(calls: JsonRecord[], { extra_content }: JsonRecord): JsonRecord[] {
  const [first, ...others] = calls
  if (first === undefined || signatureIn({ extra_content }) === undefined) return calls
  if (calls.some((call) => signatureIn(call) !== undefined)) return calls
  return [{ ...first, extra_content }, ...others]
}

/** A string of JSON is already the arguments. Any other value is encoded. */
function toolArguments(input: unknown): string {
  if (typeof input === 'string' && jsonValueOf(input) !== undefined) return input
  return JSON.stringify(input) ?? '{}'
}
