/** The reply of the demo model to a request: a thought, then tool calls or words. */
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { callsFor, offeredTools, type Call } from './calls.ts'
import { type DemoRequest, readPrompt, textOf } from './conversation.ts'
import { exampleOf } from './example.ts'
import { reportOf } from './results.ts'
import { markdown, story } from './samples.ts'

export interface Reply {
  /** Empty if the request asks for no thoughts. */
  reasoning: string
  text: string
  calls: readonly Call[]
}

/** Repeats the last user text. */
export function echo({ prompt }: LanguageModelV4CallOptions): Reply {
  const last = prompt.findLast(({ role }) => role === 'user')
  return { reasoning: '', text: last === undefined ? '' : textOf(last), calls: [] }
}

export function assist(options: LanguageModelV4CallOptions): Reply {
  const request = readPrompt(options.prompt)
  const { text, files, results } = request
  const calls = results.length > 0 ? [] : callsFor(options, text)
  const reasoning = /\bthink\b/i.test(text) ? thoughtOf(request, calls) : ''
  if (calls.length > 0) return { reasoning, text: '', calls }
  const { responseFormat } = options
  if (responseFormat?.type === 'json') {
    return {
      reasoning,
      text: JSON.stringify(exampleOf(responseFormat.schema ?? {}), null, 2),
      calls,
    }
  }
  if (results.length > 0) return { reasoning, text: reportOf(results), calls }
  const seen = files.map(({ mediaType, filename = 'file' }) => {
    const article = /^[aeiou]/.test(mediaType) ? 'an' : 'a'
    return `I see ${article} ${mediaType} called “${filename}”.`
  })
  const answer = answerTo(request) ?? introduction(options, text)
  return { reasoning, text: [...seen, answer].join('\n\n'), calls }
}

function thoughtOf({ text, results }: DemoRequest, calls: readonly Call[]): string {
  if (results.length > 0) return 'The tools have returned. I report their results.'
  const plan = calls.map(({ toolName }) => toolName).join(' and ')
  return `The user wrote “${quotable(text)}”. ${plan === '' ? 'No rule of mine calls a tool for this, so I answer in words.' : `I should not guess. I call ${plan} and report the result.`}`
}

const namePattern = /\bmy name is (\p{L}[\p{L}'-]*)/iu

function answerTo({ text, earlier }: DemoRequest): string | undefined {
  if (/\bwhat(?:'s| is) my name\b|\bwho am i\b/i.test(text)) {
    const name = earlier.map((message) => namePattern.exec(message)?.[1]).findLast(Boolean)
    return name === undefined ? "You haven't told me your name yet." : `Your name is ${name}.`
  }
  const name = namePattern.exec(text)?.[1]
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

function introduction(options: LanguageModelV4CallOptions, text: string): string {
  const tools = offeredTools(options).map(({ name }) => name)
  return `You wrote: “${quotable(text)}”. I'm Loom's demo model: no language model, just a few rules, so that you can try everything without a key. You can ask me

- “What is 6 * 7?”, “What time is it in Tokyo?”, or “Tell me a story”
- “Ask me which colour I like: red, green or blue”
- “Use TOOL {"its": "input"}”; my tools here: ${tools.join(', ') || 'none'}

To talk to a real model, set \`LOOM_MODEL\` and its provider's key, and start Loom again.`
}

/** One line of a text, cut by code points so that no half of an emoji is left. */
function quotable(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > 120 ? `${/^[^]{0,119}/u.exec(line)?.[0]}…` : line
}
