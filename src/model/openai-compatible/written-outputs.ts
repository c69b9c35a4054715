/**
 * Large tool results as the text that the API takes. That text is made for the whole prompt at once
 * elsewhere, where nothing can wait; here the event loop turns between two results.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'

import { isOnePiece, jsonInSteps } from '../../ground/json/pieces.ts'

/** The call with each large result that is JSON as its text. */
export async function withWrittenOutputs(
  call: LanguageModelV4CallOptions,
): Promise<LanguageModelV4CallOptions> {
  if (isOnePiece(call.prompt)) return call
  const prompt = [...call.prompt]
  for (const [index, message] of prompt.entries()) {
    if (message.role !== 'tool') continue
    const content = [...message.content]
    for (const [at, part] of content.entries()) {
      if (part.type === 'tool-result') content[at] = await written(part)
    }
    prompt[index] = { ...message, content }
  }
  return { ...call, prompt }
}

async function written(
  part: LanguageModelV4ToolResultPart,
): Promise<LanguageModelV4ToolResultPart> {
  const { output } = part
  if ((output.type !== 'json' && output.type !== 'error-json') || isOnePiece(output)) return part
  const value = (await jsonInSteps(output.value)).join('')
  const type = output.type === 'json' ? 'text' : 'error-text'
  const text: LanguageModelV4ToolResultOutput = { type, value }
  return { ...part, output: text }
}
