/** The words of the demo model about the results of its tool calls and background tasks. */
import { cutToLength, shorten } from '../../ground/cut-text.ts'
import { fieldOf, textField } from '../../ground/fields.ts'
import type { DemoRequest } from './request.ts'

type Result = DemoRequest['results'][number]

/** One sentence for one result, a list for several. Undefined without a result. */
export function reportOf({ text, results }: DemoRequest): string | undefined {
  if (results.length === 0) return reportOfTask(text)
  if (results.length === 1) return results.map(sentenceFor).join('')
  const items = results.map((result) => {
    const task = taskOf(result)
    if (task === undefined) return sentenceFor(result).replaceAll('\n', '\n  ')
    return `**${quotable(task)}**: ${quotable(textOf(result.output))}`
  })
  return `Here is what I found:\n\n${items.map((item) => `- ${item}`).join('\n')}`
}

/** `src/session/task-letters.ts` writes this message about the end of a background task. */
const taskEnd =
  /^The background task \S+ of the agent "([^"]+)" (.*?)\nIts task was: [^\n]*(?:\n\nIts result:\n(.*))?/s

function reportOfTask(text: string): string | undefined {
  const [, agent, end = '', result] = taskEnd.exec(text) ?? []
  if (agent === undefined) return undefined
  if (result !== undefined) return reportBy(agent, result)
  return `The background task of the agent \`${agent}\` ${end}`
}

/** The report of a sub-agent is Markdown, as this answer is. */
const reportBy = (agent: string, report: string) =>
  `The ${agent} reports:${report.includes('\n') ? '\n\n' : ' '}${report}`

function sentenceFor(result: Result): string {
  const { toolName, input, output } = result
  const tool = `\`${toolName}\``
  const whole = textOf(output)
  if (output.type === 'execution-denied') {
    const reason = whole && ` You said: “${whole.replace(/\.$/, '')}”.`
    return `Understood. You did not allow ${tool}, so I did not run it.${reason}`
  }
  const start = cutToLength(whole, 800)
  const rest = whole.length - start.length
  // A long output word by word would take the reader minutes.
  const text = rest < 200 ? whole : `${start}\n… (${rest} more characters)`
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
  if (taskOf(result) !== undefined) return reportBy(toolName, text)
  const isJson = /^[[{]/.test(text) && !text.includes('\n')
  return isJson ? `The ${tool} tool returned \`${text}\`.` : `The ${tool} tool says:${quoted(text)}`
}

/** The task of a sub-agent. */
const taskOf = ({ input, output }: Result) =>
  output.type === 'text' || output.type === 'json' ? textField(input, 'prompt') : undefined

/** The output as text, as a language model reads it. */
function textOf(output: Result['output']): string {
  if (output.type === 'execution-denied') return output.reason ?? ''
  if (output.type === 'content') {
    return output.value.map((part) => textField(part, 'text') ?? `(${part.type})`).join('\n')
  }
  const { value } = output
  if (typeof value === 'string') return value
  return textField(value, 'text') ?? textField(value, 'answer') ?? JSON.stringify(value)
}

/** The output of a program is no Markdown, and may contain fences of its own. */
function quoted(text: string): string {
  if (!text.includes('\n')) return ` ${text}${/[.!?…]$/.test(text) ? '' : '.'}`
  const ticks = Array.from(text.matchAll(/`+/g), ([run]) => run.length)
  const fence = '`'.repeat(Math.max(2, ...ticks) + 1)
  return `\n\n${fence}\n${text.replace(/\n+$/, '')}\n${fence}`
}

/** One line of a text. */
export const quotable = (text: string) => shorten(text.trim().replaceAll(/\s+/g, ' '), 120)
