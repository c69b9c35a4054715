/** The reply of the demo model to a request: a thought, then tool calls or words. */
import type { LanguageModelV4CallOptions, LanguageModelV4Message } from '@ai-sdk/provider'

import { exampleOf } from '../../ground/schema-example.ts'
import { type Call, callsFor, offeredTools } from './calls.ts'
import { type DemoRequest, readPrompt, textOf } from './request.ts'
import { quotable, reportOf } from './results.ts'

/** Thoughts, words and tool calls. Each may be empty. */
export interface Reply {
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
  const report = reportOf(request)
  // If there is a report, the calls that the message names have run already.
  const calls = report === undefined ? callsFor(options, request.text) : []
  const reasoning = /\bthink\b/i.test(request.text) ? thoughtOf(request, calls) : ''
  if (calls.length > 0) return { reasoning, text: '', calls }
  const { responseFormat: format } = options
  const json = format?.type === 'json' && JSON.stringify(exampleOf(format.schema ?? {}), null, 2)
  return { reasoning, text: json || (report ?? answerTo(request, options)), calls }
}

function thoughtOf({ text }: DemoRequest, calls: readonly Call[]): string {
  const names = calls.map(({ toolName }) => toolName).join(' and ')
  const plan = names === '' ? 'I call no tool for this' : `I should not guess. I call ${names}`
  return `The user wrote “${quotable(text)}”. ${plan}, and answer in words.`
}

/** The files, and the answer of the first rule that fits. */
function answerTo(request: DemoRequest, options: LanguageModelV4CallOptions): string {
  const files = request.files.map(({ mediaType, filename = 'file' }) => {
    const article = /^[aeiou]/.test(mediaType) ? 'an' : 'a'
    return `I see ${article} ${mediaType} called “${filename}”.`
  })
  return [...files, knownAnswer(request) ?? introduction(options, request.text)].join('\n\n')
}

function knownAnswer({ text, earlier }: DemoRequest): string | undefined {
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

/**
 * Replies as `reply` does, without the text that was sent before a cut. After a takeover, the runner
 * asks the model to continue after that text. Each takeover adds a message and a note.
 */
export function resumed(
  options: LanguageModelV4CallOptions,
  reply: (options: LanguageModelV4CallOptions) => Reply,
): Reply {
  const prompt = options.prompt.filter((message) => !isNote(message))
  const end = prompt.findLastIndex(({ role }) => role !== 'assistant') + 1
  const sent = prompt.slice(end).map(textOf).join('')
  const whole = reply({ ...options, prompt })
  if (sent === '' || !whole.text.startsWith(sent)) return whole
  return { ...whole, reasoning: '', text: whole.text.slice(sent.length) }
}

const isNote = (message: LanguageModelV4Message): boolean =>
  message.role === 'user' && textOf(message).startsWith('Your reply was cut off')

/** A longer text, with time for a reload, a stop or a takeover. */
const story = `There was once a loom in a workshop with three doors.

Through the first door came questions, thin as thread. Through the second came answers from far away, a word at a time, and sometimes the far voice fell silent in mid-sentence. The third door had a lamp above it, and behind the lamp sat the person who had asked.

One night the lamp went out, and the weaver left. But every thread was written down in a book on the bench; so another weaver read the last line, and laid the next thread where the old one ended.

When the lamp was lit again, the cloth was whole. Nobody could find the place where the hands had changed.`

/** A sample of the Markdown that the terminal and the page show. */
const markdown = `### Markdown

Plain words, **bold** ones, *italic* ones, \`code\` and [links](https://ai-sdk.dev).

- A list,
  1. and one with numbers.

\`\`\`ts
const { text, usage } = await run(assistant, 'What is 6 * 7?')
\`\`\`

| tool | does |
|---|---|
| calculator | arithmetic |
| clock | the time |`
