/**
 * Converts a prompt of the AI SDK to chat-completions messages. One tool message may answer several
 * calls in the SDK, but only one on the wire, so one message can become several.
 */
import type { LanguageModelV4Message, LanguageModelV4Prompt } from '@ai-sdk/provider'

import { assistantMessage } from './assistant-message.ts'
import { contentPart } from './content-part.ts'
import type { JsonRecord } from './json-record.ts'
import type { MessageOptions } from './message-options.ts'
import { toolMessages } from './tool-messages.ts'
import { wireOptions } from './wire-options.ts'

type ContentOf<ROLE extends LanguageModelV4Message['role']> = Extract<
  LanguageModelV4Message,
  { role: ROLE }
>['content']

type SystemMessage = Extract<LanguageModelV4Message, { role: 'system' }>

/** The assistant message that some APIs require between a tool message and a user message. */
const silence: JsonRecord = { role: 'assistant', content: 'OK.' }

/** @throws UnsupportedFunctionalityError for a file of a message without a form in this API. */
export function chatMessages(prompt: LanguageModelV4Prompt, options: MessageOptions): JsonRecord[] {
  const wire = prompt.flatMap((message, index) =>
    wireMessages(inOrder(message, prompt[index - 1]), options),
  )
  const messages = options.family.lateInstructions ? wire : wire.map(earlyInstruction)
  if (options.family.userAfterTool) return messages
  return messages.flatMap((message, index) => {
    const before = messages[index - 1]
    return message['role'] === 'user' && before?.['role'] === 'tool'
      ? [silence, message]
      : [message]
  })
}

/** Sorts results by their calls: they arrive as the calls end, and some APIs match them by order. */
function inOrder(
  message: LanguageModelV4Message,
  caller: LanguageModelV4Message | undefined,
): LanguageModelV4Message {
  if (message.role !== 'tool' || message.content.length < 2) return message
  const parts = caller?.role === 'assistant' ? caller.content : []
  const ids = parts.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []))
  const order = new Map(ids.map((id, index) => [id, index]))
  const placeOf = (part: ContentOf<'tool'>[number]) =>
    (part.type === 'tool-result' ? order.get(part.toolCallId) : undefined) ?? ids.length
  return {
    ...message,
    content: message.content.toSorted((one, other) => placeOf(one) - placeOf(other)),
  }
}

/** Converts instructions after an answer to a user message. */
function earlyInstruction(message: JsonRecord, index: number, all: readonly JsonRecord[]) {
  const isLate =
    message['role'] === 'system' &&
    all.slice(0, index).some(({ role }) => role === 'assistant' || role === 'tool')
  return isLate ? { ...message, role: 'user' } : message
}

function wireMessages(message: LanguageModelV4Message, options: MessageOptions): JsonRecord[] {
  if (message.role === 'tool') return toolMessages(message.content, options)
  const wire = oneMessage(message, options)
  return wire === undefined ? [] : [{ ...wire, ...wireOptions(message) }]
}

function oneMessage(
  message: Exclude<LanguageModelV4Message, { role: 'tool' }>,
  options: MessageOptions,
): JsonRecord | undefined {
  if (message.role === 'user') return userMessage(message.content, options)
  if (message.role === 'assistant') return assistantMessage(message.content, options)
  return systemMessage(message)
}

/** A mark for the cache stands at a part, not at a message. */
function systemMessage({ content, providerOptions }: SystemMessage): JsonRecord {
  const cache_control = providerOptions?.['loom']?.['cacheControl']
  if (cache_control === undefined) return { role: 'system', content }
  return { role: 'system', content: [{ type: 'text', text: content, cache_control }] }
}

function userMessage(content: ContentOf<'user'>, { provider }: MessageOptions): JsonRecord {
  const [first] = content
  if (content.length === 1 && first?.type === 'text') {
    // Every server accepts a plain string.
    return { role: 'user', content: first.text, ...wireOptions(first) }
  }
  return { role: 'user', content: content.map((part) => contentPart(part, provider)) }
}
