/**
 * The parts of a prompt that the demo model reads. It reads at most `textMax` characters of a message:
 * its rules are searches, and a message may be megabytes long.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'

import type { Reply } from './parts.ts'

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

type Part = Exclude<LanguageModelV4Message['content'], string>[number]

const textMax = 4_000

export function readPrompt(prompt: readonly LanguageModelV4Message[]): DemoRequest {
  const messages = prompt.filter(({ role }) => role === 'user').map(readMessage)
  const { text = '', files = [] } = messages.pop() ?? {}
  const parts = prompt
    .slice(prompt.findLastIndex(({ role }) => role === 'user') + 1)
    .flatMap(({ content }): Part[] => (typeof content === 'string' ? [] : [...content]))
  const calls = parts.filter((part) => part.type === 'tool-call')
  const inputOf = (id: string) => calls.find(({ toolCallId }) => toolCallId === id)?.input
  const results = parts
    .filter((part) => part.type === 'tool-result')
    .map((result) => ({ ...result, input: inputOf(result.toolCallId) }))
  return { text, files, earlier: messages.map((message) => message.text), results }
}

/** The text parts of a message, joined. */
export function textOf({ content }: LanguageModelV4Message): string {
  if (typeof content === 'string') return content
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** `src/model/prompt/text-file.ts` writes files of text before the words of a message in this form. */
const textFiles = /^<file(?: name="([^"\n]*)")? type="([^"\n]*)">\n/gm
const fileEnd = '\n</file>'

function readMessage(message: LanguageModelV4Message): { text: string; files: File[] } {
  const content = typeof message.content === 'string' ? [] : message.content
  const text = textOf(message)
  const end = text.lastIndexOf(fileEnd)
  const named = end === -1 ? [] : [...text.slice(0, end).matchAll(textFiles)]
  const files = [
    ...content.filter((part) => part.type === 'file'),
    ...named.map(([, filename, mediaType = '']) => ({ mediaType, filename })),
  ]
  const words = end === -1 ? text : text.slice(end + fileEnd.length).trim()
  return { text: words.slice(0, textMax), files }
}

/**
 * Replies as `reply` does, without the text that was sent before a cut. After a takeover, the runner
 * asks the model to continue after that text.
 */
export function resumed(
  options: LanguageModelV4CallOptions,
  reply: (options: LanguageModelV4CallOptions) => Reply,
): Reply {
  const prompt = [...options.prompt]
  let sent = ''
  while (isNote(prompt.at(-1))) {
    prompt.pop()
    // Each takeover begins a step, so after two takeovers two messages stand before the note.
    for (let last = prompt.at(-1); last?.role === 'assistant'; last = prompt.at(-1)) {
      sent = textOf(last) + sent
      prompt.pop()
    }
  }
  const whole = reply({ ...options, prompt })
  if (sent === '' || !whole.text.startsWith(sent)) return whole
  return { ...whole, reasoning: '', text: whole.text.slice(sent.length) }
}

const isNote = (message: LanguageModelV4Message | undefined): boolean =>
  message?.role === 'user' && textOf(message).startsWith('Your reply was cut off')
