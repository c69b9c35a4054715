/**
 * What the demo model reads out of a prompt: what was asked last, which results came back since, and
 * a few things from before. It reads no more than `textMax` characters of a message, because its
 * rules are searches and a message may be megabytes long.
 */
import type { LanguageModelV4Prompt, LanguageModelV4ToolResultPart } from '@ai-sdk/provider'

import { fieldOf } from '../../fields.ts'
import { splitFiles, type TextFile } from './text-files.ts'

/** A tool call of the current turn that has been answered. */
export interface Answered {
  toolName: string
  input: unknown
  output: LanguageModelV4ToolResultPart['output']
}

export interface Conversation {
  system: string
  /** The last user message, whole. */
  text: string
  files: readonly TextFile[]
  /** What the user said before, oldest first. */
  earlier: readonly string[]
  /** The results since the last user message, in order. */
  answered: readonly Answered[]
  /** The number that "that" means: the latest calculator result, or else the latest number said. */
  previous: number | undefined
}

export const textMax = 4_000

export function readPrompt(prompt: LanguageModelV4Prompt): Conversation {
  const last = prompt.findLastIndex((message) => message.role === 'user')
  const asked = prompt[last]
  const { text, files } = splitFiles(textOf(asked))
  return {
    system: prompt.map((message) => (message.role === 'system' ? message.content : '')).join('\n'),
    text,
    files: [
      ...(asked?.role === 'user' ? asked.content.filter((part) => part.type === 'file') : []),
      ...files,
    ],
    earlier: prompt
      .slice(0, Math.max(last, 0))
      .filter((message) => message.role === 'user')
      .map((message) => splitFiles(textOf(message)).text.slice(0, textMax)),
    answered: answeredIn(prompt.slice(last + 1)),
    previous: previousNumber(prompt),
  }
}

/** The text parts of a message, joined. */
export function textOf(message: LanguageModelV4Prompt[number] | undefined): string {
  if (message === undefined) return ''
  if (message.role === 'system') return message.content
  return message.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

function answeredIn(messages: LanguageModelV4Prompt): Answered[] {
  const inputs = new Map<string, unknown>()
  const answered: Answered[] = []
  for (const message of messages) {
    if (message.role !== 'assistant' && message.role !== 'tool') continue
    for (const part of message.content) {
      if (part.type === 'tool-call') inputs.set(part.toolCallId, part.input)
      if (part.type !== 'tool-result') continue
      const { toolName, output } = part
      answered.push({ toolName, input: inputs.get(part.toolCallId), output })
    }
  }
  return answered
}

function previousNumber(prompt: LanguageModelV4Prompt): number | undefined {
  for (const message of prompt.toReversed()) {
    if (message.role === 'tool') {
      const results = message.content.filter((part) => part.type === 'tool-result')
      const value = results.map((part) => numberIn(part.output)).findLast(isDefined)
      if (value !== undefined) return value
    }
    const said = message.role === 'assistant' ? textOf(message).slice(0, textMax) : ''
    const number = said.match(/-?\d+(?:\.\d+)?/g)?.at(-1)
    if (number !== undefined) return Number(number)
  }
  return undefined
}

const isDefined = (value: number | undefined): value is number => value !== undefined

/** The number in a calculator's output: the output itself, or its `result`. */
export function numberIn(output: LanguageModelV4ToolResultPart['output']): number | undefined {
  if (output.type !== 'json') return undefined
  const value = output.value
  if (typeof value === 'number') return value
  const result = fieldOf(value, 'result')
  return typeof result === 'number' ? result : undefined
}
