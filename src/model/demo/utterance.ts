/**
 * A reply with its ids and usage, as the parts of a stream. Nothing here depends on the clock or on
 * chance, so the same request always has the same parts.
 */
import { createHash } from 'node:crypto'

import type {
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

import type { Reply } from './reply.ts'

type Result = ReturnType<typeof resultOf>

export function resultOf(
  { prompt, tools = [] }: LanguageModelV4CallOptions,
  { reasoning, text, calls }: Reply,
  modelId: string,
) {
  // Files count by their type and name, not by their bytes.
  const read = JSON.stringify([prompt, tools], (key, value: unknown) =>
    key === 'data' || key === 'providerOptions' ? undefined : value,
  )
  const id = createHash('sha256').update(read).digest('hex').slice(0, 12)
  const made = calls.map(({ toolName, input }, index) => {
    const toolCallId = `call-${id}-${index}`
    return { type: 'tool-call' as const, toolCallId, toolName, input: JSON.stringify(input) }
  })
  const unified = made.length > 0 ? 'tool-calls' : 'stop'
  const total = tokensOf(read)
  const words = tokensOf(text + made.map(({ toolName, input }) => toolName + input).join(''))
  const thoughts = tokensOf(reasoning)
  return {
    content: [
      ...(reasoning === '' ? [] : [{ type: 'reasoning' as const, text: reasoning }]),
      ...(text === '' ? [] : [{ type: 'text' as const, text }]),
      ...made,
    ],
    finishReason: { unified, raw: unified },
    usage: {
      inputTokens: { total, noCache: total, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: Math.max(words + thoughts, 1), text: words, reasoning: thoughts },
    },
    warnings: [],
    response: { id: `demo-${id}`, modelId },
  } satisfies LanguageModelV4GenerateResult
}

/** An estimate: four characters are about one token of English. */
const tokensOf = ({ length }: string) => Math.ceil(length / 4)

/** The parts of a stream, from `stream-start` to `finish`. */
export const partsOf = (result: Result): LanguageModelV4StreamPart[] => [
  { type: 'stream-start', warnings: [] },
  { type: 'response-metadata', ...result.response },
  ...result.content.flatMap((part) => contentParts(part, result.response.id)),
  { type: 'finish', usage: result.usage, finishReason: result.finishReason },
]

function contentParts(part: Result['content'][number], reply: string): LanguageModelV4StreamPart[] {
  if (part.type === 'tool-call') {
    const { toolCallId: id, toolName, input } = part
    return [
      { type: 'tool-input-start', id, toolName },
      ...wordsOf(input).map((delta) => ({ type: 'tool-input-delta' as const, id, delta })),
      { type: 'tool-input-end', id },
      part,
    ]
  }
  const { type, text } = part
  const id = `${type}-${reply}`
  return [
    { type: `${type}-start`, id },
    ...wordsOf(text).map((delta) => ({ type: `${type}-delta` as const, id, delta })),
    { type: `${type}-end`, id },
  ]
}

/** A word has its white space before it, so that the words joined are the text. */
const wordsOf = (text: string): string[] => text.match(/\s*\S+\s*$|\s*\S+|\s+$/g) ?? []

/** How long a language model would take for a part, in milliseconds. */
export function pauseBefore({ type }: LanguageModelV4StreamPart): number {
  if (type === 'stream-start') return 120
  return type.endsWith('-delta') ? 32 : 0
}
