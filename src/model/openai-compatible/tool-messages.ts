/**
 * Converts results of tools to chat-completions messages. A tool message holds only text (OpenAI's
 * reference: "only text is supported"), so a file of a result follows in a user message if the API has
 * a form for it. If not, it becomes a line of text. Its bytes never become text.
 */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4ToolResultOutput,
} from '@ai-sdk/provider'

import { stubOf } from '../prompt/file-places.ts'
import { contentPart, hasForm } from './content-part.ts'
import type { JsonRecord } from './json-record.ts'
import type { MessageOptions } from './message-options.ts'
import { wireOptions } from './wire-options.ts'

type ToolContent = Extract<LanguageModelV4Message, { role: 'tool' }>['content']
type Items = Extract<LanguageModelV4ToolResultOutput, { type: 'content' }>['value']

export function toolMessages(content: ToolContent, options: MessageOptions): JsonRecord[] {
  const shown: JsonRecord[] = []
  const messages = content
    .filter((part) => part.type === 'tool-result')
    .map((part) => ({
      role: 'tool',
      tool_call_id: options.family.callId(part.toolCallId),
      content: toolOutput(part.output, options, (file) => {
        const text = `The file that the tool ${part.toolName} returned:`
        shown.push({ type: 'text', text }, contentPart(file, options.provider))
      }),
      ...wireOptions(part),
    }))
  return shown.length === 0 ? messages : [...messages, { role: 'user', content: shown }]
}

function toolOutput(
  output: LanguageModelV4ToolResultOutput,
  options: MessageOptions,
  show: (file: LanguageModelV4FilePart) => void,
): string | JsonRecord[] {
  if (output.type === 'text' || output.type === 'error-text') return output.value
  if (output.type === 'json' || output.type === 'error-json') return JSON.stringify(output.value)
  if (output.type === 'execution-denied') return output.reason ?? 'Tool call execution denied.'
  return options.multiPartToolResults
    ? partsOf(output.value, options)
    : textOf(output.value, options, show)
}

const partsOf = (items: Items, { provider }: MessageOptions): JsonRecord[] =>
  items.flatMap((item) => {
    if (item.type === 'custom') return []
    if (item.type === 'text' || hasForm(item, provider)) return [contentPart(item, provider)]
    return [{ type: 'text', text: stubOf(item) }]
  })

function textOf(
  items: Items,
  { provider }: MessageOptions,
  show: (file: LanguageModelV4FilePart) => void,
): string {
  const texts = items.flatMap((item) => {
    if (item.type === 'text') return [item.text]
    if (item.type === 'custom') return []
    if (!hasForm(item, provider)) return [stubOf(item)]
    const part = contentPart(item, provider)
    if (part['type'] === 'text') return [String(part['text'])]
    show(item)
    return [`(A file of type ${item.mediaType} follows in the next message.)`]
  })
  return texts.join('\n')
}
