/**
 * What the demo model says when no tool is called for. It never pretends to know anything: it says
 * what it is, what it can do here, and what the message was about.
 */
import type { LanguageModelV4FunctionTool } from '@ai-sdk/provider'

import { expressionsIn } from './arithmetic.ts'
import { asksForResearch, asksForTime } from './calls.ts'
import type { Conversation } from './conversation.ts'
import { textMax } from './conversation.ts'

type Tools = readonly LanguageModelV4FunctionTool[]

const introduction =
  "I'm Loom's demo model: no language model, just a few rules, so that you can try everything without a key."

/** The first rule that has something to say says it. */
export function talk(conversation: Conversation, tools: Tools): string {
  const text = conversation.text.slice(0, textMax)
  const seen = conversation.files.map(seenFile).join(' ')
  const said = rules.map((rule) => rule(text, conversation, tools)).find((reply) => reply !== null)
  if (said !== undefined) return [seen, said].filter((part) => part !== '').join('\n\n')
  if (seen !== '') return `${seen} I cannot look inside it, though. ${introduction}`
  return fallback(text, conversation, tools)
}

function seenFile({ mediaType, filename }: Conversation['files'][number]): string {
  const article = /^[aeiou]/i.test(mediaType) ? 'an' : 'a'
  return `I see ${article} ${mediaType} ${filename === undefined ? 'file without a name.' : `called “${filename}”.`}`
}

type Rule = (text: string, conversation: Conversation, tools: Tools) => string | null

const rules: readonly Rule[] = [
  recallName,
  learnName,
  recallMessage,
  countUp,
  tellStory,
  showMarkdown,
  explain,
  greet,
  missTool,
  planResearch,
]

const namePattern = /\b(?:my name is|my name's|call me|i am called)\s+(\p{L}[\p{L}'-]*)/iu

function learnName(text: string): string | null {
  const name = namePattern.exec(text)?.[1]
  return name === undefined
    ? null
    : `Nice to meet you, ${name}. I'll remember that for this conversation.`
}

function recallName(text: string, { earlier }: Conversation): string | null {
  if (!/\b(?:what(?:'s| is|s)? my name|who am i)\b/i.test(text)) return null
  const name = earlier.map((message) => namePattern.exec(message)?.[1]).findLast(Boolean)
  return name === undefined ? "You haven't told me your name yet." : `Your name is ${name}.`
}

function recallMessage(text: string, { earlier }: Conversation): string | null {
  if (
    !/\bwhat (?:did|have) i (?:just |last )?(?:say|said|ask|asked|tell|told|write|wrote)\b/i.test(
      text,
    )
  ) {
    return null
  }
  const last = earlier.at(-1)
  return last === undefined ? 'This is your first message.' : `You said: “${shortened(last)}”`
}

function countUp(text: string): string | null {
  const digits = /\bcount (?:up )?(?:from 1 |from one )?to (\d{1,4})\b/i.exec(text)?.[1]
  if (digits === undefined) return null
  const numbers = Array.from({ length: Math.min(Number(digits), 1_000) }, (_, index) => index + 1)
  return `${numbers.join(', ')}.`
}

function tellStory(text: string): string | null {
  if (!/\b(?:story|poem|long answer|something long)\b/i.test(text)) return null
  return `There was once a loom that stood in a workshop with three doors.

Through the first door came questions, thin as thread and often tangled. Through the second came answers from far away, a word at a time, and sometimes the far-away voice fell silent in mid-sentence. The third door had a lamp above it, and behind the lamp sat whoever had asked.

One night the lamp went out. The weaver at the loom stood up, and then the weaver, too, was gone. But every thread that had been laid was written down in a book on the bench; so another weaver came in from the next workshop, read the last line, and laid the next thread where the old one ended.

When the lamp was lit again, the cloth was whole. Nobody could find the place where the hands had changed.

*(That is the only story I know. I'm a demo model.)*`
}

function showMarkdown(text: string): string | null {
  if (!/\bmarkdown\b|\bcode (?:block|example)\b/i.test(text)) return null
  return `### What an answer can hold

Plain words, **bold** ones, *italic* ones, \`code\` and [links](https://ai-sdk.dev).

1. Lists with numbers,
2. and lists without:
   - like this one,
   - and this.

> Quotations, for what others said.

\`\`\`ts
const { text, usage } = await run(assistant, 'What is 6 * 7?')
\`\`\`

| tool | does |
|---|---|
| calculator | arithmetic |
| clock | the time |`
}

function explain(text: string, _: Conversation, tools: Tools): string | null {
  const asked =
    /\b(?:who|what) are you\b|\bwhat (?:can|do) you do\b|\bhow do (?:you|i) (?:work|start|use)\b|\bhelp\b|\bare you (?:an? |real|chatgpt|human)|\bwhat (?:tools|model)\b/i
  return asked.test(text) ? `${introduction}\n\n${abilities(tools)}` : null
}

function greet(text: string, conversation: Conversation, tools: Tools): string | null {
  if (/^\W*(?:thanks|thank you|thx|cheers|great|cool|nice|perfect)\b[^?]{0,40}$/i.test(text)) {
    return "You're welcome."
  }
  if (
    !/^\W*(?:hi|hello|hey|good (?:morning|evening|afternoon)|moin|hallo)\b[^?]{0,40}$/i.test(text)
  ) {
    return null
  }
  if (conversation.earlier.length > 0) return 'Hello again. What shall we try?'
  return `Hello! ${introduction}\n\n${abilities(tools)}`
}

/** What was asked for needs a tool that this agent was not given. */
function missTool(text: string, { previous }: Conversation): string | null {
  const missing =
    expressionsIn(text, previous).length > 0
      ? 'calculator'
      : asksForTime(text)
        ? 'clock'
        : undefined
  if (missing === undefined) return null
  return `For that I would call a \`${missing}\` tool, but this agent has none. ${introduction}`
}

/** A sub-agent that was asked to research something says what a model would do in its place. */
function planResearch(text: string, { system }: Conversation): string | null {
  if (!/\bresearcher\b/i.test(system) && !asksForResearch(text)) return null
  return `On “${shortened(text)}” I have no facts: I'm Loom's demo model, a few rules and no knowledge. A language model in my place would

1. split the question into smaller ones,
2. answer each with the tools it was given,
3. and report what it found, with what stayed open.`
}

function fallback(text: string, { earlier }: Conversation, tools: Tools): string {
  const topic = text.trim() === '' ? 'Your message was empty.' : `You wrote: “${shortened(text)}”.`
  if (earlier.length > 0) {
    return `${topic} I have no rule for that; a real model would answer here. Ask me “What can you do?”, or give me something to calculate.`
  }
  return `${topic} ${introduction} A real model would have more to say about it.\n\n${abilities(tools)}`
}

const examples: ReadonlyMap<string, string> = new Map([
  ['calculator', '**calculate**: “What is 6 * 7?”, then “Now multiply that by 10”'],
  ['clock', '**tell the time**: “What time is it in Tokyo?”'],
  ['researcher', '**hand work to a sub-agent**: “Ask the researcher what 12 * 12 is”'],
  ['human', '**ask you something**: “Ask me which colour I like: red, green or blue”'],
])

function abilities(tools: Tools): string {
  const lines = tools.map(
    ({ name }) =>
      `- ${examples.get(name) ?? `**use \`${name}\`**: “Use ${name} …” and I make up its input`}`,
  )
  return [
    'Here I can',
    '',
    ...lines,
    '- **think first**: “Think about it: what is 2 + 2, squared?”',
    '- **write at length**: “Tell me a story”, “Show me some Markdown”, “Count to 100”',
    '',
    "To talk to a real model, set `LOOM_MODEL` and its provider's key, and start Loom again.",
  ].join('\n')
}

/** One line of a text, short enough to quote. */
export function shortened(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  // By code points, so that no half of an emoji is left.
  return /^[^]{121}/u.test(line) ? `${/^[^]{119}/u.exec(line)?.[0]}…` : line
}
