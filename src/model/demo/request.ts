/**
 * The parts of a prompt that the demo model reads. It reads at most `textMax` characters of a message:
 * its rules are searches, and a message may be megabytes long.
 */
import type { LanguageModelV4CallOptions, LanguageModelV4Message } from '@ai-sdk/provider'

import type { Reply } from './parts.ts'

const textMax = 4_000

type Part = Exclude<LanguageModelV4Message['content'], string>[number]

export type DemoRequest = ReturnType<typeof readPrompt>

/** The last user message, the texts of the user before it, and the tool results after it. */
export function readPrompt(prompt: readonly LanguageModelV4Message[]) {
  const messages = prompt.filter(({ role }) => role === 'user').map(readMessage)
  const { text = '', files = [] } = messages.pop() ?? {}
  const parts = prompt
    .slice(prompt.findLastIndex(({ role }) => role === 'user') + 1)
    .flatMap(partsIn)
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

/** `src/model/prompt/text-file.ts` writes files of text before the words of a message in this form. */
const textFiles = /^<file(?: name="([^"\n]*)")? type="([^"\n]*)">\n/gm
const fileEnd = '\n</file>'

interface File {
  mediaType: string
  filename?: string | undefined
}

/** The text without the files, and the files. */
function readMessage(message: LanguageModelV4Message) {
  const text = textOf(message)
  const end = text.lastIndexOf(fileEnd)
  const start = end === -1 ? 0 : end + fileEnd.length
  const files: File[] = [
    ...partsIn(message).filter((part) => part.type === 'file'),
    ...Array.from(text.slice(0, start).matchAll(textFiles), ([, filename, mediaType = '']) => ({
      mediaType,
      filename,
    })),
  ]
  return { text: text.slice(start).trim().slice(0, textMax), files }
}

/**
 * Replies as `reply` does, without the text that was sent before a cut. After a takeover, the runner
 * asks the model to continue after that text. Each takeover adds a message and a note.
 */
export function resumed(
  options: LanguageModelV4CallOptions,
  reply: (options: LanguageModelV4CallOptions) => Reply,
): Reply {
  const prompt = options.prompt.filter((message) => !isNote(message))
  const end = prompt.findLastIndex(({ role }) => role !== 'assistant') + 1
  const sent = prompt.slice(end).map(textOf).join('')
  const whole = reply({ ...options, prompt })
  if (sent === '' || !whole.text.startsWith(sent)) return whole
  return { ...whole, reasoning: '', text: whole.text.slice(sent.length) }
}

const isNote = (message: LanguageModelV4Message): boolean =>
  message.role === 'user' && textOf(message).startsWith('Your reply was cut off')
