/** What the demo model does about a request: it thinks, calls tools, or says something. */
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { asksForTime, callsFor, offeredTools, type Call } from './calls.ts'
import { type DemoRequest, readPrompt } from './conversation.ts'
import { reportOf } from './results.ts'
import { markdown, story } from './samples.ts'
import { sumsIn } from './sum.ts'
import { inputFor } from './tool-input.ts'

export interface Reply {
  /** Empty where the request asks for no thoughts. */
  reasoning: string
  text: string
  calls: readonly Call[]
}

/** Repeats the last user text. */
export function echo({ prompt }: LanguageModelV4CallOptions): Reply {
  return { reasoning: '', text: readPrompt(prompt).whole, calls: [] }
}

export function assist(options: LanguageModelV4CallOptions): Reply {
  const conversation = readPrompt(options.prompt)
  const calls = conversation.results.length > 0 ? [] : callsFor(options, conversation.text)
  return {
    reasoning: thinks(options, conversation) ? thought(conversation, calls) : '',
    text: calls.length > 0 ? introductionOf(calls) : textFor(options, conversation),
    calls,
  }
}

/** A sub-agent may take long, so a word comes before its call. */
function introductionOf(calls: readonly Call[]): string {
  const agent = calls.find(({ input }) => Object.hasOwn(Object(input), 'prompt'))
  return agent === undefined ? '' : `I'll hand this to the ${agent.toolName}.`
}

function textFor(options: LanguageModelV4CallOptions, conversation: DemoRequest): string {
  const { responseFormat } = options
  if (responseFormat?.type === 'json') {
    return JSON.stringify(inputFor(responseFormat.schema ?? {}, conversation.text))
  }
  if (conversation.results.length > 0) return reportOf(conversation.results)
  const tools = offeredTools(options).map(({ name }) => name)
  const files = conversation.files.map(
    ({ mediaType, filename }) =>
      `I see ${/^[aeiou]/.test(mediaType) ? 'an' : 'a'} ${mediaType} ${filename === undefined ? 'file without a name' : `called “${filename}”`}.`,
  )
  return [...files, answerTo(conversation) ?? introduction(conversation.text, tools)].join('\n\n')
}

const namePattern = /\b(?:my name is|call me)\s+(\p{L}[\p{L}'-]*)/iu

function answerTo({ text, earlier }: DemoRequest): string | undefined {
  if (/\bwhat(?:'s| is) my name\b|\bwho am i\b/i.test(text)) {
    const name = earlier.map((message) => namePattern.exec(message)?.[1]).findLast(Boolean)
    return name === undefined ? "You haven't told me your name yet." : `Your name is ${name}.`
  }
  const name = namePattern.exec(text)?.[1]
  if (name !== undefined)
    return `Nice to meet you, ${name}. I'll remember that for this conversation.`
  if (/\bwhat did i (?:just )?say\b/i.test(text)) {
    const last = earlier.at(-1)
    return last === undefined ? 'This is your first message.' : `You said: “${quotable(last)}”`
  }
  const count = Math.min(Number(/\bcount to (\d+)\b/i.exec(text)?.[1] ?? 0), 1_000)
  if (count > 0) return `${Array.from({ length: count }, (_, index) => index + 1).join(', ')}.`
  if (/\bstory\b/i.test(text)) return story
  if (/\bmarkdown\b/i.test(text)) return markdown
  const missing = sumsIn(text).length > 0 ? 'calculator' : asksForTime(text) && 'clock'
  return missing
    ? `For that I would call a \`${missing}\` tool, but this agent has none.`
    : undefined
}

function introduction(text: string, tools: readonly string[]): string {
  return `You wrote: “${quotable(text)}”. I'm Loom's demo model: no language model, just a few rules, so that you can try everything without a key. You can ask me

- “What is 6 * 7?”, “What time is it in Tokyo?”, or “Tell me a story”
- “Ask me which colour I like: red, green or blue”
- “Use TOOL {"its": "input"}”; my tools here: ${tools.join(', ') || 'none'}

To talk to a real model, set \`LOOM_MODEL\` and its provider's key, and start Loom again.`
}

function thinks({ reasoning }: LanguageModelV4CallOptions, { text }: DemoRequest): boolean {
  if (reasoning !== undefined && reasoning !== 'provider-default') return reasoning !== 'none'
  return /\b(?:think|reason)\b/i.test(text)
}

function thought({ text, results }: DemoRequest, calls: readonly Call[]): string {
  if (results.length > 0) return 'The tools answered. I report what they returned.'
  const asked = `The user wrote “${quotable(text)}”.`
  if (calls.length === 0) return `${asked} None of my rules calls for a tool, so I answer in words.`
  const plan = calls.map(({ toolName, input }) => `${toolName} with ${JSON.stringify(input)}`)
  return `${asked} I should not guess. I will call ${plan.join(' and ')}, and report the result.`
}

/** One line of a text, cut by code points so that no half of an emoji is left. */
function quotable(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > 120 ? `${/^[^]{0,119}/u.exec(line)?.[0]}…` : line
}
