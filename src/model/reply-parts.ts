/** The parts of a stream for a reply that is known as a whole: for the demo model and for scripted models. */
import type {
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolCall,
} from '@ai-sdk/provider'

type Part = LanguageModelV4StreamPart

export function textParts(
  type: 'reasoning' | 'text',
  id: string,
  chunks: readonly string[],
): Part[] {
  return [
    { type: `${type}-start`, id },
    ...chunks.map((delta): Part => ({ type: `${type}-delta`, id, delta })),
    { type: `${type}-end`, id },
  ]
}

/** @param chunks the input in pieces */
export function callParts(
  { toolCallId: id, toolName }: Pick<LanguageModelV4ToolCall, 'toolCallId' | 'toolName'>,
  chunks: readonly string[],
): Part[] {
  return [
    { type: 'tool-input-start', id, toolName },
    ...chunks.map((delta): Part => ({ type: 'tool-input-delta', id, delta })),
    { type: 'tool-input-end', id },
    { type: 'tool-call', toolCallId: id, toolName, input: chunks.join('') },
  ]
}

/** The tokens of a reply. The input includes the tokens from a cache, and the output the reasoning. */
interface Tokens {
  input: number
  output: number
  cached?: number
  reasoning: number
}

export const finishPart = (
  unified: LanguageModelV4FinishReason['unified'],
  { input, output, cached = 0, reasoning }: Tokens,
) =>
  ({
    type: 'finish',
    finishReason: { unified, raw: unified },
    usage: {
      inputTokens: { total: input, noCache: input - cached, cacheRead: cached, cacheWrite: 0 },
      outputTokens: { total: output, text: output - reasoning, reasoning },
    },
  }) as const satisfies Part
