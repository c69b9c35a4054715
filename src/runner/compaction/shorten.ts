/** Shortens texts, outputs and inputs by cutting out their middle. Never splits a character. */
import type { ModelMessage, ToolResultPart } from 'ai'

import {
  messageTokens,
  type MessagePart,
  outputTokens,
  partTokens,
  textTokens,
} from './estimate.ts'

type Output = ToolResultPart['output']

/** The beginning shows the subject, and the end the result. */
const headShare = 0.6

/** Returns a text of about `tokens` at most, or the text unchanged if the cut would not shorten it. */
export function shortText(text: string, tokens: number): string {
  const size = textTokens(text)
  if (size <= tokens) return text
  return cutMiddle(text, Math.floor((text.length * tokens) / size))
}

/** Keeps at most `length` characters, and adds a note with the number of characters left out. */
export function cutMiddle(text: string, length: number): string {
  if (text.length <= length) return text
  const head = Math.floor(length * headShare)
  const start = text.slice(0, isSplit(text, head) ? head - 1 : head)
  const from = text.length - (length - head)
  const end = text.slice(isSplit(text, from) ? from + 1 : from)
  const missing = text.length - start.length - end.length
  const shorter = `${start}\n[… ${missing} characters left out …]\n${end}`
  return shorter.length < text.length ? shorter : text
}

/** Whether a cut there would split a surrogate pair. */
const isSplit = (text: string, index: number) =>
  index > 0 && /[\uD800-\uDBFF]/.test(text.charAt(index - 1)) && index < text.length

export function shortOutput(output: Output, tokens: number): Output {
  if (outputTokens(output) <= tokens) return output
  switch (output.type) {
    case 'text':
    case 'error-text':
      return { ...output, value: shortText(output.value, tokens) }
    case 'json':
      return { type: 'text', value: shortText(JSON.stringify(output.value), tokens) }
    case 'error-json':
      return { type: 'error-text', value: shortText(JSON.stringify(output.value), tokens) }
    case 'content':
      return { type: 'text', value: shortText(contentText(output.value), tokens) }
    case 'execution-denied':
      return { type: output.type, reason: shortText(output.reason ?? '', tokens) }
  }
}

/** The text items of an output, and the type of each other item. */
export const contentText = (items: Extract<Output, { type: 'content' }>['value']): string =>
  items.map((item) => (item.type === 'text' ? item.text : `[${item.type}]`)).join('\n')

/**
 * A message in which no text, input or output is longer than `tokens`. Parts that providers require
 * unchanged (reasoning, results of their own tools) stay.
 */
export function shortMessage(message: ModelMessage, tokens: number): ModelMessage {
  if (messageTokens(message) <= tokens) return message
  switch (message.role) {
    case 'system':
      return message
    case 'tool':
      return { ...message, content: message.content.map((part) => shortPart(part, tokens)) }
    case 'user':
      return typeof message.content === 'string'
        ? { ...message, content: shortText(message.content, tokens) }
        : { ...message, content: message.content.map((part) => shortPart(part, tokens)) }
    case 'assistant':
      return typeof message.content === 'string'
        ? { ...message, content: shortText(message.content, tokens) }
        : { ...message, content: shortAssistant(message.content, tokens) }
  }
}

type AssistantParts = Exclude<Extract<ModelMessage, { role: 'assistant' }>['content'], string>

function shortAssistant(parts: AssistantParts, tokens: number): AssistantParts {
  return parts.map((part) => (part.type === 'tool-result' ? part : shortPart(part, tokens)))
}

function shortPart<PART extends MessagePart>(part: PART, tokens: number): PART
function shortPart(part: MessagePart, tokens: number): MessagePart {
  if (partTokens(part) <= tokens) return part
  if (part.type === 'text') return { ...part, text: shortText(part.text, tokens) }
  if (part.type === 'tool-result') return { ...part, output: shortOutput(part.output, tokens) }
  if (part.type !== 'tool-call' || part.providerExecuted === true) return part
  return { ...part, input: shortValue(part.input, tokens) }
}

/** The same value with its long strings cut. An object stays an object. */
function shortValue(value: unknown, tokens: number): unknown {
  if (typeof value === 'string') return shortText(value, tokens)
  if (Array.isArray(value)) return value.map((each: unknown) => shortValue(each, tokens))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]: [string, unknown]) => [key, shortValue(each, tokens)]),
  )
}
