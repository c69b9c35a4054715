/**
 * What the demo model reads in a prompt. It reads at most `textMax` characters of a message: its rules
 * are searches, and a message may be megabytes long.
 */
import type { LanguageModelV4Prompt, LanguageModelV4ToolResultPart } from '@ai-sdk/provider'

/** A tool result that came after the last user message. */
export interface Result {
  toolName: string
  input: unknown
  output: LanguageModelV4ToolResultPart['output']
}

export interface File {
  mediaType: string
  filename?: string | undefined
}

export interface DemoRequest {
  /** The last user message without its files, whole. */
  whole: string
  /** The first `textMax` characters of it. */
  text: string
  files: readonly File[]
  /** The user's messages before that, oldest first. */
  earlier: readonly string[]
  results: readonly Result[]
}

const textMax = 4_000

export function readPrompt(prompt: LanguageModelV4Prompt): DemoRequest {
  const messages = prompt.filter(({ role }) => role === 'user').map(readMessage)
  const { text: whole, files } = messages.at(-1) ?? { text: '', files: [] }
  return {
    whole,
    text: whole.slice(0, textMax),
    files,
    earlier: messages.slice(0, -1).map(({ text }) => text.slice(0, textMax)),
    results: resultsIn(prompt.slice(prompt.findLastIndex(({ role }) => role === 'user') + 1)),
  }
}

/** The text parts of a message, joined. */
export function textOf({ content }: LanguageModelV4Prompt[number]): string {
  if (typeof content === 'string') return content
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** `src/model/prompt/text-file.ts` writes files of text into the message in this form. */
const fileStart = /<file(?: name="([^"\n]*)")? type="([^"\n]*)">\n/g
const fileEnd = '\n</file>'

/** The files of a message, and its text beside them, in time linear in its length. */
function readMessage(message: LanguageModelV4Prompt[number]): { text: string; files: File[] } {
  const content = typeof message.content === 'string' ? [] : message.content
  const files: File[] = content.filter((part) => part.type === 'file')
  const text = textOf(message)
  const outside: string[] = []
  let from = 0
  for (const { index, 0: start, 1: filename, 2: mediaType = '' } of text.matchAll(fileStart)) {
    if (index < from) continue
    const end = text.indexOf(fileEnd, index + start.length - 1)
    if (end === -1) break
    files.push({ mediaType, filename })
    outside.push(text.slice(from, index))
    from = end + fileEnd.length
  }
  return { text: from === 0 ? text : (outside.join('') + text.slice(from)).trim(), files }
}

function resultsIn(messages: LanguageModelV4Prompt): Result[] {
  const inputs = new Map<string, unknown>()
  const results: Result[] = []
  for (const { content } of messages) {
    for (const part of typeof content === 'string' ? [] : content) {
      if (part.type === 'tool-call') inputs.set(part.toolCallId, part.input)
      if (part.type !== 'tool-result') continue
      const { toolName, toolCallId, output } = part
      results.push({ toolName, input: inputs.get(toolCallId), output })
    }
  }
  return results
}
