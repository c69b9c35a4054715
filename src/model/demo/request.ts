/**
 * The parts of a prompt that the demo model reads. It reads at most `textMax` characters of a message:
 * its rules are searches, and a message may be megabytes long.
 */
import type { LanguageModelV4Message } from '@ai-sdk/provider'

import { splitTextFiles } from '../prompt/text-file.ts'

const textMax = 4_000

type Part = Exclude<LanguageModelV4Message['content'], string>[number]

export type DemoRequest = ReturnType<typeof readPrompt>

/** The last user message, the texts of the user before it, and the tool results after it. */
export function readPrompt(prompt: readonly LanguageModelV4Message[]) {
  const messages = prompt.filter(({ role }) => role === 'user').map(readMessage)
  const { text = '', files = [] } = messages.pop() ?? {}
  const start = prompt.findLastIndex(({ role }) => role === 'user') + 1
  const parts = prompt.slice(start).flatMap(partsIn)
  const calls = parts.filter((part) => part.type === 'tool-call')
  const inputOf = (id: string) => calls.find(({ toolCallId }) => toolCallId === id)?.input
  const results = parts
    .filter((part) => part.type === 'tool-result')
    .map((result) => ({ ...result, input: inputOf(result.toolCallId) }))
  return { text, files, earlier: messages.map((message) => message.text), results }
}

const partsIn = ({ content }: LanguageModelV4Message): readonly Part[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content

/** The text parts of a message, joined. */
export const textOf = (message: LanguageModelV4Message): string =>
  partsIn(message).reduce((text, part) => text + (part.type === 'text' ? part.text : ''), '')

/** The words of a message, and its files. */
function readMessage(message: LanguageModelV4Message) {
  const { files, words } = splitTextFiles(textOf(message))
  const others = partsIn(message).filter((part) => part.type === 'file')
  return { text: words.trim().slice(0, textMax), files: [...others, ...files] }
}
