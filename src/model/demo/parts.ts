/**
 * A reply as the parts of a stream, in beats: what is sent at once, and the pause before it. Nothing
 * here depends on the clock or on chance, so the same request always gives the same parts.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider'

import type { Call } from './calls.ts'
import type { Reply } from './reply.ts'

export interface Beat {
  /** Milliseconds before the parts. */
  pause: number
  parts: LanguageModelV4StreamPart[]
}

/** A finished reply, with everything a result of a model call holds. */
export interface Utterance {
  id: string
  reasoning: string
  text: string
  calls: readonly (Call & { id: string })[]
  usage: LanguageModelV4Usage
  finishReason: LanguageModelV4FinishReason
}

/** Gives a reply its ids, its usage and, where the request limits its length, its end. */
export function utter(reply: Reply, options: LanguageModelV4CallOptions): Utterance {
  const { prompt, maxOutputTokens = Number.POSITIVE_INFINITY } = options
  const read = spelledOut(prompt)
  // The number of messages keeps ids apart even where two prompts have one hash.
  const id = `${prompt.length}-${hashOf(read)}`
  const reasoning = reply.reasoning.slice(0, maxOutputTokens * 4)
  const text = reply.text.slice(0, maxOutputTokens * 4 - reasoning.length)
  const isCut = text.length < reply.text.length || reasoning.length < reply.reasoning.length
  const calls = isCut
    ? []
    : reply.calls.map((call, index) => ({ ...call, id: `call-${id}-${index}` }))
  const called = calls.map(({ toolName, input }) => toolName + JSON.stringify(input)).join('')
  const unified = isCut ? 'length' : calls.length > 0 ? 'tool-calls' : 'stop'
  return {
    id,
    reasoning,
    text,
    calls,
    usage: usageOf(read + JSON.stringify(options.tools ?? ''), text + called, reasoning),
    finishReason: { unified, raw: unified },
  }
}

/** The beats of a stream, from `stream-start` to `finish`. */
export function beatsOf(utterance: Utterance, modelId: string): Beat[] {
  const { id, reasoning, text, calls, usage, finishReason } = utterance
  // Never pushed all at once: as arguments of a call a long text would be too many.
  return [
    { pause: 120, parts: [{ type: 'stream-start', warnings: [] }] },
    { pause: 0, parts: [{ type: 'response-metadata', id: `demo-${id}`, modelId }] },
    ...(reasoning === '' ? [] : spoken(reasoning, { kind: 'reasoning', id: `reasoning-${id}` })),
    ...(text === '' ? [] : spoken(text, { kind: 'text', id: `text-${id}` })),
    ...calls.flatMap(called),
    { pause: 0, parts: [{ type: 'finish', usage, finishReason }] },
  ]
}

/** The same as whole parts, for a call that does not stream. */
export function contentOf({ reasoning, text, calls }: Utterance): LanguageModelV4Content[] {
  const content: LanguageModelV4Content[] = []
  if (reasoning !== '') content.push({ type: 'reasoning', text: reasoning })
  if (text !== '') content.push({ type: 'text', text })
  return [...content, ...calls.map(callPart)]
}

function spoken(text: string, { kind, id }: { kind: 'text' | 'reasoning'; id: string }): Beat[] {
  // With its white space before it, so that the words joined are the text.
  const words = text.match(/\s*\S+\s*$|\s*\S+|\s+$/g) ?? []
  return [
    { pause: 0, parts: [{ type: `${kind}-start`, id }] },
    ...words.map((delta): Beat => ({
      pause: pauseBefore(delta),
      parts: [{ type: `${kind}-delta`, id, delta }],
    })),
    { pause: 0, parts: [{ type: `${kind}-end`, id }] },
  ]
}

/** 25 to 40 ms: longer words take longer, which reads better than a beat of the drum. */
const pauseBefore = (word: string): number => 25 + Math.min(word.trim().length, 10) * 1.5

function called(call: Call & { id: string }): Beat[] {
  const { id, toolName, input } = call
  const pieces = JSON.stringify(input).match(/[^]{1,12}/gu) ?? []
  return [
    { pause: 40, parts: [{ type: 'tool-input-start', id, toolName }] },
    ...pieces.map((delta): Beat => ({
      pause: 25,
      parts: [{ type: 'tool-input-delta', id, delta }],
    })),
    { pause: 0, parts: [{ type: 'tool-input-end', id }, callPart(call)] },
  ]
}

const callPart = ({ id, toolName, input }: Call & { id: string }) => ({
  type: 'tool-call' as const,
  toolCallId: id,
  toolName,
  input: JSON.stringify(input),
})

/** Four characters are about a token of English. */
const tokensIn = (text: string): number => Math.ceil(text.length / 4)

function usageOf(read: string, written: string, reasoning: string): LanguageModelV4Usage {
  const total = Math.max(tokensIn(read), 1)
  const text = tokensIn(written)
  const thought = tokensIn(reasoning)
  return {
    inputTokens: { total, noCache: total, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: Math.max(text + thought, 1), text, reasoning: thought },
  }
}

/** Everything in a prompt that counts, as text: files by their kind and name, not their bytes. */
function spelledOut(prompt: LanguageModelV4Prompt): string {
  return prompt
    .map(({ role, content }) => {
      const parts: readonly unknown[] = typeof content === 'string' ? [content] : content
      return role + parts.map((part) => JSON.stringify(part, withoutBytes)).join('')
    })
    .join('\n')
}

function withoutBytes(key: string, value: unknown): unknown {
  return key === 'data' || key === 'providerOptions' ? undefined : value
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return (hash >>> 0).toString(36)
}
