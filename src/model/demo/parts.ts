/**
 * A reply as the parts of a stream. Nothing here depends on the clock or on chance, so the same request
 * always has the same parts.
 */
import { createHash } from 'node:crypto'

import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider'

import { callParts, finishPart, textParts } from '../reply-parts.ts'
import type { Reply } from './reply.ts'

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
  const written = (type: 'reasoning' | 'text', words: string) =>
    words === '' ? [] : textParts(type, `${type}-${id}`, wordsOf(words))
  const thoughts = tokensOf(reasoning)
  const output = thoughts + tokensOf(text + JSON.stringify(calls))
  const reason = calls.length > 0 ? 'tool-calls' : 'stop'
  return [
    { type: 'stream-start', warnings: [] },
    { type: 'response-metadata', id: `demo-${id}`, modelId },
    ...written('reasoning', reasoning),
    ...written('text', text),
    ...calls.flatMap(({ toolName, input }, index) =>
      callParts({ toolCallId: `call-${id}-${index}`, toolName }, wordsOf(JSON.stringify(input))),
    ),
    finishPart(reason, { input: tokensOf(read), output, reasoning: thoughts }),
  ]
}

/** An estimate: four characters are about one token of English. */
const tokensOf = ({ length }: string) => Math.ceil(length / 4)

/** A word has its white space before it, so that the words joined are the text. */
const wordsOf = (text: string): string[] => text.match(/\s*\S+\s*$|\s*\S+|\s+$/g) ?? []
