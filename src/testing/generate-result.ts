/** A streamed reply as one result, for programs that call a scripted model without streaming. */
import type { LanguageModelV4GenerateResult, LanguageModelV4StreamPart } from '@ai-sdk/provider'

type Content = LanguageModelV4GenerateResult['content'][number]

/** @throws Error if the reply has no end */
export async function generateResult(
  stream: ReadableStream<LanguageModelV4StreamPart>,
): Promise<LanguageModelV4GenerateResult> {
  const content: Content[] = []
  const open = new Map<string, Extract<Content, { type: 'text' | 'reasoning' }>>()
  for await (const part of stream) {
    if (part.type === 'text-start' || part.type === 'reasoning-start') {
      const piece = { type: part.type === 'text-start' ? 'text' : 'reasoning', text: '' } as const
      const started = { ...piece }
      open.set(part.id, started)
      content.push(started)
    } else if (part.type === 'text-delta' || part.type === 'reasoning-delta') {
      const piece = open.get(part.id)
      if (piece !== undefined) piece.text += part.delta
    } else if (
      part.type === 'tool-call' ||
      part.type === 'tool-result' ||
      part.type === 'file' ||
      part.type === 'source'
    ) {
      content.push(part)
    } else if (part.type === 'error') {
      throw part.error
    } else if (part.type === 'finish') {
      const { finishReason, usage } = part
      return { content, finishReason, usage, warnings: [] }
    }
  }
  throw new Error('The scripted reply has no end.')
}
