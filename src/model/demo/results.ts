/** What the demo model says when its tool calls have been answered. */
import type { LanguageModelV4ToolResultPart } from '@ai-sdk/provider'

import { fieldOf } from '../../fields.ts'
import { isResearcher } from './calls.ts'
import type { Answered } from './conversation.ts'
import { numberIn } from './conversation.ts'

/** One sentence for one result, a list for several. */
export function reportOf(answered: readonly Answered[]): string {
  const sentences = answered.map(sentenceFor)
  const [only] = sentences
  if (only !== undefined && sentences.length === 1) return only
  return `Here is what I found:\n\n${sentences.map((sentence) => `- ${indented(sentence)}`).join('\n')}`
}

const indented = (text: string): string => text.replaceAll('\n', '\n  ')

function sentenceFor({ toolName, input, output }: Answered): string {
  const name = `\`${toolName}\``
  if (output.type === 'execution-denied') {
    const reason =
      output.reason === undefined ? '' : ` You said: “${output.reason.replace(/\.$/, '')}”.`
    return `Understood. You did not allow ${name}, so I did not run it.${reason}`
  }
  if (output.type === 'error-text' || output.type === 'error-json') {
    const text = shortEnough(outputText(output))
    return `The ${name} tool failed:${text.includes('\n') ? `\n\n${block(text)}` : ` ${sentence(text)}`}`
  }
  return resultSentence(toolName, input, output)
}

function resultSentence(toolName: string, input: unknown, output: Output): string {
  const expression = firstText(input)
  const number = numberIn(output)
  if (toolName === 'calculator' && number !== undefined && expression !== undefined) {
    return `${expression.replaceAll('*', '×')} = **${number}**`
  }
  if (toolName === 'clock') return `It is ${sentence(clockText(output))}`
  const text = shortEnough(outputText(output))
  if (toolName === 'human') return `You answered **${text.replace(/[\s.]+$/, '')}**. Thank you.`
  if (text === '' || text === 'null')
    return `The \`${toolName}\` tool is done; it returned nothing.`
  // JSON of one line reads well in a sentence, more of it in a block of its own.
  if (text.length > 80 && /^[[{]/.test(text)) {
    return `The \`${toolName}\` tool returned:\n\n${block(text, 'json')}`
  }
  if (/^[[{]/.test(text)) return `The \`${toolName}\` tool returned \`${text}\`.`
  const isReport = isResearcher(toolName)
  const speaker = isReport ? 'The researcher reports' : `The \`${toolName}\` tool says`
  if (!text.includes('\n')) return `${speaker}: ${sentence(text)}`
  return `${speaker}:\n\n${isReport ? text : block(text)}`
}

/** Lines as they are: a program's output is no Markdown, and may hold fences of its own. */
function block(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text.replace(/\n+$/, '')}\n${fence}`
}

type Output = LanguageModelV4ToolResultPart['output']

function clockText(output: Output): string {
  if (output.type !== 'json') return outputText(output)
  const text = stringOf(output.value, 'text') ?? JSON.stringify(output.value)
  const zone = stringOf(output.value, 'timeZone')
  return zone === undefined ? text : `${text} in ${zone.replaceAll('_', ' ')}`
}

/** The output as text, as a model reads it. */
function outputText(output: Output): string {
  if (output.type === 'text' || output.type === 'error-text') return output.value
  if (output.type === 'execution-denied') return output.reason ?? 'denied'
  if (output.type === 'content') {
    return output.value
      .map((part) => (part.type === 'text' ? part.text : `(${part.type})`))
      .join('\n')
  }
  if (typeof output.value === 'string') return output.value
  const only = stringOf(output.value, 'answer') ?? stringOf(output.value, 'text')
  if (only !== undefined) return only
  const json = JSON.stringify(output.value)
  return json.length > 80 ? JSON.stringify(output.value, null, 2) : json
}

function stringOf(value: unknown, key: string): string | undefined {
  const field = fieldOf(value, key)
  return typeof field === 'string' ? field : undefined
}

/** Repeating a long output word by word would take the reader minutes. */
function shortEnough(text: string): string {
  const start = /^[^]{800}(?=[^]{200})/u.exec(text)?.[0]
  return start === undefined ? text : `${start}\n… (${text.length - start.length} more characters)`
}

function firstText(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null) return undefined
  return Object.values(input).find((value) => typeof value === 'string')
}

const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`)
