/**
 * A reply as the parts of a stream. Nothing here depends on the clock or on chance, so the same request
 * always has the same parts.
 */
import { createHash } from 'node:crypto'

import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider'

import { callParts, finishPart, textParts } from '../reply-parts.ts'
import type { Call } from './calls.ts'

export interface Reply {
  /** Empty if the request asks for no thoughts. */
  reasoning: string
  text: string
  calls: readonly Call[]
}

export function partsOf(
  { prompt, tools = [] }: LanguageModelV4CallOptions,
  { reasoning, text, calls }: Reply,
  modelId: string,
): LanguageModelV4StreamPart[] {
  // Files count by their type and name, not by their bytes.
  const read = JSON.stringify([prompt, tools], (key, value: unknown) =>
    key === 'data' || key === 'providerOptions' ? undefined : value,
  )
  const id = createHash('sha256').update(read).digest('hex').slice(0, 12)
  const inputs = calls.map(({ input }) => JSON.stringify(input))
  const words = tokensOf([text, ...calls.map(({ toolName }) => toolName), ...inputs].join(''))
  const thoughts = tokensOf(reasoning)
  return [
    { type: 'stream-start', warnings: [] },
    { type: 'response-metadata', id: `demo-${id}`, modelId },
    ...(reasoning === '' ? [] : textParts('reasoning', `reasoning-${id}`, wordsOf(reasoning))),
    ...(text === '' ? [] : textParts('text', `text-${id}`, wordsOf(text))),
    ...calls.flatMap(({ toolName }, index) =>
      callParts({ toolCallId: `call-${id}-${index}`, toolName }, wordsOf(inputs[index] ?? '')),
    ),
    finishPart(calls.length > 0 ? 'tool-calls' : 'stop', {
      input: tokensOf(read),
      cached: 0,
      output: Math.max(words + thoughts, 1),
      reasoning: thoughts,
    }),
  ]
}

/** An estimate: four characters are about one token of English. */
const tokensOf = ({ length }: string) => Math.ceil(length / 4)

/** A word has its white space before it, so that the words joined are the text. */
const wordsOf = (text: string): string[] => text.match(/\s*\S+\s*$|\s*\S+|\s+$/g) ?? []

/** How long a language model would take for a part, in milliseconds. */
export function pauseBefore({ type }: LanguageModelV4StreamPart): number {
  if (type === 'stream-start') return 120
  return type.endsWith('-delta') ? 32 : 0
}
