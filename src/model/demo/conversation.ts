/**
 * The parts of a prompt that the demo model reads. It reads at most `textMax` characters of a message:
 * its rules are searches, and a message may be megabytes long.
 */
import type { LanguageModelV4Message, LanguageModelV4ToolResultPart } from '@ai-sdk/provider'

/** A tool result that came after the last user message. */
export interface Result extends LanguageModelV4ToolResultPart {
  input: unknown
}

export interface DemoRequest {
  /** The last user message, without its files. */
  text: string
  files: readonly File[]
  /** The user's messages before that, oldest first. */
  earlier: readonly string[]
  results: readonly Result[]
}

interface File {
  mediaType: string
  filename?: string | undefined
}

const textMax = 4_000

export function readPrompt(prompt: readonly LanguageModelV4Message[]): DemoRequest {
  const messages = prompt.filter(({ role }) => role === 'user').map(readMessage)
  const { text = '', files = [] } = messages.pop() ?? {}
  const inputs = new Map<string, unknown>()
  const results: Result[] = []
  for (const { content } of prompt.slice(prompt.findLastIndex(({ role }) => role === 'user') + 1)) {
    for (const part of typeof content === 'string' ? [] : content) {
      if (part.type === 'tool-call') inputs.set(part.toolCallId, part.input)
      if (part.type !== 'tool-result') continue
      results.push({ ...part, input: inputs.get(part.toolCallId) })
    }
  }
  return { text, files, earlier: messages.map((message) => message.text), results }
}

/** The text parts of a message, joined. */
export function textOf({ content }: LanguageModelV4Message): string {
  if (typeof content === 'string') return content
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** `src/model/prompt/text-file.ts` writes files of text before the words of a message in this form. */
const fileStart = /<file(?: name="([^"\n]*)")? type="([^"\n]*)">\n/g
const fileEnd = '\n</file>'

function readMessage(message: LanguageModelV4Message): { text: string; files: File[] } {
  const content = typeof message.content === 'string' ? [] : message.content
  const files: File[] = content.filter((part) => part.type === 'file')
  const text = textOf(message)
  const end = text.lastIndexOf(fileEnd)
  if (end === -1) return { text: text.slice(0, textMax), files }
  for (const [, filename, mediaType = ''] of text.slice(0, end).matchAll(fileStart)) {
    files.push({ mediaType, filename })
  }
  return {
    text: text
      .slice(end + fileEnd.length)
      .trim()
      .slice(0, textMax),
    files,
  }
}
