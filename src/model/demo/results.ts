/** The words of the demo model about the results of its tool calls. */
import { fieldOf, textField } from '../../ground/fields.ts'
import type { Result } from './request.ts'

/** One sentence for one result, a list for several. */
export function reportOf(results: readonly Result[]): string {
  const [only = '', ...others] = results.map(sentenceFor)
  if (others.length === 0) return only
  const items = [only, ...others].map((text) => `- ${text.replaceAll('\n', '\n  ')}`)
  return `Here is what I found:\n\n${items.join('\n')}`
}

function sentenceFor({ toolName, input, output }: Result): string {
  const tool = `\`${toolName}\``
  if (output.type === 'execution-denied') {
    const reason = output.reason && ` You said: “${output.reason.replace(/\.$/, '')}”.`
    return `Understood. You did not allow ${tool}, so I did not run it.${reason ?? ''}`
  }
  const text = shortened(textOf(output))
  if (output.type.startsWith('error')) return `The ${tool} tool failed:${quoted(text)}`
  const value = output.type === 'json' ? output.value : undefined
  const [expression, number] = [textField(input, 'expr'), fieldOf(value, 'result')]
  if (expression !== undefined && typeof number === 'number') {
    return `${expression.replaceAll('*', '×')} = **${number}**`
  }
  if (toolName === 'human') return `You answered **${text.replace(/[\s.]+$/, '')}**. Thank you.`
  const zone = textField(value, 'timeZone')
  if (toolName === 'clock') return `It is ${text}${zone && ` in ${zone.replaceAll('_', ' ')}`}.`
  if (text === '' || text === 'null') return `The ${tool} tool is done; it returned nothing.`
  // The report of a sub-agent is Markdown, as this answer is.
  if (fieldOf(input, 'prompt') !== undefined)
    return `The ${toolName} reports:${text.includes('\n') ? '\n\n' : ' '}${text}`
  const isJson = /^[[{]/.test(text) && !text.includes('\n')
  return isJson ? `The ${tool} tool returned \`${text}\`.` : `The ${tool} tool says:${quoted(text)}`
}

/** The output as text, as a language model reads it. */
function textOf(output: Exclude<Result['output'], { type: 'execution-denied' }>): string {
  if (output.type === 'content') {
    return output.value
      .map((part) => (part.type === 'text' ? part.text : `(${part.type})`))
      .join('\n')
  }
  const { value } = output
  if (typeof value === 'string') return value
  return textField(value, 'text') ?? textField(value, 'answer') ?? JSON.stringify(value)
}

/** The output of a program is no Markdown, and may contain fences of its own. */
function quoted(text: string): string {
  if (!text.includes('\n')) return ` ${text}${/[.!?…]$/.test(text) ? '' : '.'}`
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `\n\n${fence}\n${text.replace(/\n+$/, '')}\n${fence}`
}

/** A long output word by word would take the reader minutes. */
function shortened(text: string): string {
  const start = /^[^]{800}(?=[^]{200})/u.exec(text)?.[0]
  return start === undefined ? text : `${start}\n… (${text.length - start.length} more characters)`
}
