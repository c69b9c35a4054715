/** The reply of the demo model to a request: a thought, then tool calls or words. */
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { type Call, callsFor, offeredTools } from './calls.ts'
import { exampleOf } from './example.ts'
import type { Reply } from './parts.ts'
import { type DemoRequest, readPrompt, textOf } from './request.ts'
import { reportOf } from './results.ts'
import { markdown, story } from './samples.ts'

/** Repeats the last user text. */
export function echo({ prompt }: LanguageModelV4CallOptions): Reply {
  const last = prompt.findLast(({ role }) => role === 'user')
  return { reasoning: '', text: last === undefined ? '' : textOf(last), calls: [] }
}

export function assist(options: LanguageModelV4CallOptions): Reply {
  const request = readPrompt(options.prompt)
  const calls = request.results.length > 0 ? [] : callsFor(options, request.text)
  const reasoning = /\bthink\b/i.test(request.text) ? thoughtOf(request, calls) : ''
  return { reasoning, text: calls.length > 0 ? '' : wordsOf(options, request), calls }
}

function thoughtOf({ text, results }: DemoRequest, calls: readonly Call[]): string {
  if (results.length > 0) return 'The tools have returned. I report their results.'
  const plan = calls.map(({ toolName }) => toolName).join(' and ')
  return `The user wrote “${quotable(text)}”. ${plan === '' ? 'No rule of mine calls a tool for this, so I answer in words.' : `I should not guess. I call ${plan} and report the result.`}`
}

function wordsOf(options: LanguageModelV4CallOptions, request: DemoRequest): string {
  const { responseFormat: format } = options
  if (format?.type === 'json') return JSON.stringify(exampleOf(format.schema ?? {}), null, 2)
  if (request.results.length > 0) return reportOf(request.results)
  const seen = request.files.map(({ mediaType, filename = 'file' }) => {
    const article = /^[aeiou]/.test(mediaType) ? 'an' : 'a'
    return `I see ${article} ${mediaType} called “${filename}”.`
  })
  for (const [pattern, answer] of rules) {
    const match = pattern.exec(request.text)
    if (match !== null) return [...seen, answer(request.earlier, match)].join('\n\n')
  }
  return [...seen, introduction(options, request.text)].join('\n\n')
}

const namePattern = /\bmy name is (\p{L}[\p{L}'-]*)/iu

/** The first rule that fits decides. A rule receives the user's earlier messages and its match. */
const rules: readonly [RegExp, (earlier: readonly string[], match: RegExpExecArray) => string][] = [
  [
    /\bwhat(?:'s| is) my name\b|\bwho am i\b/i,
    (earlier) => {
      const name = earlier.map((message) => namePattern.exec(message)?.[1]).findLast(Boolean)
      return name === undefined ? "You haven't told me your name yet." : `Your name is ${name}.`
    },
  ],
  [
    namePattern,
    (_, [, name]) => `Nice to meet you, ${name}. I'll remember that for this conversation.`,
  ],
  [
    /\bwhat did i (?:just )?say\b/i,
    (earlier) => {
      const last = earlier.at(-1)
      return last === undefined ? 'This is your first message.' : `You said: “${quotable(last)}”`
    },
  ],
  [/\bstory\b/i, () => story],
  [/\bmarkdown\b/i, () => markdown],
]

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
