/**
 * Replaces files of a prompt. A text file becomes text, and a file that the model cannot read becomes a
 * line of text. The rest of the conversation stays, so that one file never makes every later message
 * fail.
 */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'

import { fileAsText } from './text-file.ts'

export interface FilePlace {
  /** The index in the prompt of the message with the file. */
  index: number
  /** True for a file of the latest user message, or of a tool result after it. */
  isNewest: boolean
  /** True if the user message with the file received no answer, perhaps because of the file. */
  isUnanswered: boolean
}

export type File = LanguageModelV4FilePart

/** Returns the prompt with every text file, and every file that `isHidden` selects, as text. */
export function withFiles(
  prompt: LanguageModelV4Prompt,
  isHidden: (file: File, place: FilePlace) => boolean,
): LanguageModelV4Prompt {
  if (!prompt.some(hasFiles)) return prompt
  const newest = prompt.findLastIndex(({ role }) => role === 'user')
  return prompt.map((message, index) => {
    const isUnanswered = message.role === 'user' && prompt[index + 1]?.role === 'user'
    const place = { index, isNewest: index >= newest, isUnanswered }
    return hasFiles(message) ? withTexts(message, (file) => isHidden(file, place)) : message
  })
}

/** Every file of a prompt with its place. */
export function filesIn(prompt: LanguageModelV4Prompt): [file: File, place: FilePlace][] {
  const files: [File, FilePlace][] = []
  withFiles(prompt, (file, place) => {
    files.push([file, place])
    return false
  })
  return files
}

function hasFiles({ role, content }: LanguageModelV4Message): boolean {
  if (role === 'system') return false
  return content.some(
    (part) =>
      part.type === 'file' || (part.type === 'tool-result' && part.output.type === 'content'),
  )
}

type IsHidden = (file: File) => boolean

function withTexts(message: LanguageModelV4Message, isHidden: IsHidden): LanguageModelV4Message {
  switch (message.role) {
    case 'user':
      return { ...message, content: joined(message.content.map((part) => shown(part, isHidden))) }
    case 'assistant': {
      // The model would copy a line in its own words, so files that it made itself are left out.
      const content = message.content
        .filter((part) => part.type !== 'file' || !isHidden(part))
        .map((part) => (part.type === 'tool-result' ? resultShown(part, isHidden) : part))
      return { ...message, content: content.length > 0 ? content : [fileNote] }
    }
    case 'tool': {
      const content = message.content.map((part) =>
        part.type === 'tool-result' ? resultShown(part, isHidden) : part,
      )
      return { ...message, content }
    }
    default:
      return message
  }
}

const fileNote: LanguageModelV4TextPart = { type: 'text', text: '(A file.)' }

function shown<PART extends { type: string }>(
  part: PART | File,
  isHidden: IsHidden,
): PART | File | LanguageModelV4TextPart {
  if (!isFile(part)) return part
  const text = fileAsText(part) ?? (isHidden(part) ? stubOf(part) : undefined)
  if (text === undefined) return part
  const { providerOptions } = part
  return { type: 'text', text, ...(providerOptions !== undefined && { providerOptions }) }
}

// A part of this type is a file. The type of the other members of the union does not matter.
const isFile = (part: { type: string }): part is File => part.type === 'file'

function resultShown(
  part: LanguageModelV4ToolResultPart,
  isHidden: IsHidden,
): LanguageModelV4ToolResultPart {
  if (part.output.type !== 'content') return part
  const value = part.output.value.map((item) => shown(item, isHidden))
  return { ...part, output: { ...part.output, value } }
}

/** The same text for every reason, so that the provider's prompt cache stays valid. */
export function stubOf({ filename, mediaType }: Pick<File, 'filename' | 'mediaType'>): string {
  const name = filename === undefined ? 'without a name' : JSON.stringify(filename)
  return `[File not shown: ${name} (${mediaType}). You cannot read it. Tell the user so if it matters.]`
}

type UserContent = Extract<LanguageModelV4Message, { role: 'user' }>['content']

/** Joins parts if all are text: some servers accept a list of parts only for models that read files. */
function joined(content: UserContent): UserContent {
  const texts = content.flatMap((part) =>
    part.type === 'text' && part.providerOptions === undefined ? [part.text] : [],
  )
  if (texts.length < content.length) return content
  return [{ type: 'text', text: texts.join('\n\n') }]
}
