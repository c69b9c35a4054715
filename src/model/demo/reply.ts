/** The reply of the demo model to a request: a thought, then tool calls or words. */
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { type Call, callsFor, offeredTools } from './calls.ts'
import { exampleOf } from './example.ts'
import type { Reply } from './parts.ts'
import { type DemoRequest, readPrompt, textOf } from './request.ts'
import { quotable, reportOf, reportOfTask } from './results.ts'
import { markdown, story } from './samples.ts'

/** Repeats the last user text. */
export function echo({ prompt }: LanguageModelV4CallOptions): Reply {
  const last = prompt.findLast(({ role }) => role === 'user')
  return { reasoning: '', text: last === undefined ? '' : textOf(last), calls: [] }
}

export function assist(options: LanguageModelV4CallOptions): Reply {
  const request = readPrompt(options.prompt)
  // The result of a task repeats the words of the task, and these ask for no call any more.
  const isReport = request.results.length > 0 || reportOfTask(request.text) !== undefined
  const calls = isReport ? [] : callsFor(options, request.text)
  const reasoning = /\bthink\b/i.test(request.text) ? thoughtOf(request, calls) : ''
  return { reasoning, text: calls.length > 0 ? '' : wordsFor(options, request), calls }
}

function thoughtOf({ text, results }: DemoRequest, calls: readonly Call[]): string {
  if (results.length > 0) return 'The tools have returned. I report their results.'
  const names = calls.map(({ toolName }) => toolName).join(' and ')
  return `The user wrote “${quotable(text)}”. ${names === '' ? 'No rule of mine calls a tool for this, so I answer in words.' : `I should not guess. I call ${names} and report the result.`}`
}

function wordsFor(options: LanguageModelV4CallOptions, request: DemoRequest): string {
  const { responseFormat: format } = options
  if (format?.type === 'json') return JSON.stringify(exampleOf(format.schema ?? {}), null, 2)
  if (request.results.length > 0) return reportOf(request.results)
  const files = request.files.map(({ mediaType, filename = 'file' }) => {
    const article = /^[aeiou]/.test(mediaType) ? 'an' : 'a'
    return `I see ${article} ${mediaType} called “${filename}”.`
  })
  return [...files, answerTo(request) ?? introduction(options, request.text)].join('\n\n')
}

/** The answer of the first rule that fits. */
function answerTo({ text, earlier }: DemoRequest): string | undefined {
  const report = reportOfTask(text)
  if (report !== undefined) return report
  if (/\bwhat(?:'s| is) my name\b|\bwho am i\b/i.test(text)) {
    const known = earlier.map(nameIn).findLast((name) => name !== undefined)
    return known === undefined ? "You haven't told me your name yet." : `Your name is ${known}.`
  }
  const name = nameIn(text)
  if (name !== undefined) {
    return `Nice to meet you, ${name}. I'll remember that for this conversation.`
  }
  if (/\bwhat did i (?:just )?say\b/i.test(text)) {
    const last = earlier.at(-1)
    return last === undefined ? 'This is your first message.' : `You said: “${quotable(last)}”`
  }
  if (/\bstory\b/i.test(text)) return story
  return /\bmarkdown\b/i.test(text) ? markdown : undefined
}

const nameIn = (text: string) => /\bmy name is (\p{L}[\p{L}'-]*)/iu.exec(text)?.[1]

function introduction(options: LanguageModelV4CallOptions, text: string): string {
  const tools = offeredTools(options).map(({ name }) => name)
  const research = tools.includes('researcher') ? '\n- “Research red, green and blue”' : ''
  return `You wrote: “${quotable(text)}”. I'm Loom's demo model: no language model, just a few rules, so that you can try everything without a key. You can ask me

- “What is 6 * 7?”, “What time is it in Tokyo?”, or “Tell me a story”
- “Ask me which colour I like: red, green or blue”${research}
- “Use TOOL {"its": "input"}”; my tools here: ${tools.join(', ') || 'none'}

To talk to a real model, set \`LOOM_MODEL\` and its provider's key, and start Loom again.`
}
