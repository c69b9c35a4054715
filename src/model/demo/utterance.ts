/**
 * A reply with its ids and usage, as the parts of a stream. Nothing here depends on the clock or on
 * chance, so the same request always has the same parts.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider'

import type { Reply } from './reply.ts'

/** What is sent at once. */
export interface Beat {
  /** Milliseconds before the parts. */
  pause: number
  parts: LanguageModelV4StreamPart[]
}

/** Where the request limits the length, the text is cut and no tool is called. */
export function resultOf(
  { prompt, tools, maxOutputTokens = Number.POSITIVE_INFINITY }: LanguageModelV4CallOptions,
  reply: Reply,
  modelId: string,
) {
  // Files count by their kind and name, not by their bytes.
  const read = JSON.stringify(prompt, (key, value: unknown) =>
    key === 'data' || key === 'providerOptions' ? undefined : value,
  )
  // The number of messages keeps ids apart even where two prompts have one hash.
  const id = `${prompt.length}-${hashOf(read)}`
  const reasoning = reply.reasoning.slice(0, maxOutputTokens * 4)
  const text = reply.text.slice(0, maxOutputTokens * 4 - reasoning.length)
  const isCut = text.length + reasoning.length < reply.text.length + reply.reasoning.length
  const calls = (isCut ? [] : reply.calls).map(({ toolName, input }, index) => {
    const toolCallId = `call-${id}-${index}`
    return { type: 'tool-call' as const, toolCallId, toolName, input: JSON.stringify(input) }
  })
  const written = text + calls.map(({ toolName, input }) => toolName + input).join('')
  const unified = isCut ? 'length' : calls.length > 0 ? 'tool-calls' : 'stop'
  return {
    content: [
      ...(reasoning === '' ? [] : [{ type: 'reasoning' as const, text: reasoning }]),
      ...(text === '' ? [] : [{ type: 'text' as const, text }]),
      ...calls,
    ],
    finishReason: { unified, raw: unified },
    usage: usageOf(read + JSON.stringify(tools ?? ''), written, reasoning),
    warnings: [],
    response: { id: `demo-${id}`, modelId },
  } satisfies LanguageModelV4GenerateResult
}

/** The beats of a stream, from `stream-start` to `finish`. */
export function beatsOf(result: ReturnType<typeof resultOf>): Beat[] {
  const { content, usage, finishReason, response } = result
  return [
    { pause: 120, parts: [{ type: 'stream-start', warnings: [] }] },
    { pause: 0, parts: [{ type: 'response-metadata', ...response }] },
    ...content.flatMap((part) =>
      part.type === 'tool-call' ? beatsOfCall(part) : beatsOfText(part, response.id),
    ),
    { pause: 0, parts: [{ type: 'finish', usage, finishReason }] },
  ]
}

type Content = ReturnType<typeof resultOf>['content'][number]

function beatsOfText(
  { type, text }: Exclude<Content, { type: 'tool-call' }>,
  reply: string,
): Beat[] {
  const id = `${type}-${reply}`
  // A word has its white space before it, so that the words joined are the text.
  const words = text.match(/\s*\S+\s*$|\s*\S+|\s+$/g) ?? []
  return [
    { pause: 0, parts: [{ type: `${type}-start`, id }] },
    ...words.map((delta): Beat => ({
      // Longer words take longer, 25 to 40 ms.
      pause: 25 + Math.min(delta.trim().length, 10) * 1.5,
      parts: [{ type: `${type}-delta`, id, delta }],
    })),
    { pause: 0, parts: [{ type: `${type}-end`, id }] },
  ]
}

function beatsOfCall(call: Extract<Content, { type: 'tool-call' }>): Beat[] {
  const { toolCallId: id, toolName, input } = call
  const pieces = input.match(/[^]{1,12}/gu) ?? []
  return [
    { pause: 40, parts: [{ type: 'tool-input-start', id, toolName }] },
    ...pieces.map((delta): Beat => ({
      pause: 25,
      parts: [{ type: 'tool-input-delta', id, delta }],
    })),
    { pause: 0, parts: [{ type: 'tool-input-end', id }, call] },
  ]
}

/** An estimate: four characters are about one token of English. */
function usageOf(read: string, written: string, thought: string): LanguageModelV4Usage {
  const [total, text, reasoning] = [read, written, thought].map(({ length }) =>
    Math.ceil(length / 4),
  )
  return {
    inputTokens: { total, noCache: total, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: Math.max((text ?? 0) + (reasoning ?? 0), 1), text, reasoning },
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return (hash >>> 0).toString(36)
}
