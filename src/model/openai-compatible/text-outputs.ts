/**
 * Converts large tool results to the text that the API accepts. The later conversion of the whole prompt
 * cannot pause; here the event loop can run other work between two results.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'

import { isOnePiece, jsonInSteps } from '../../ground/json/pieces.ts'

/** Returns the call with each large JSON result as text. */
export async function withTextOutputs(
  call: LanguageModelV4CallOptions,
): Promise<LanguageModelV4CallOptions> {
  if (isOnePiece(call.prompt)) return call
  const prompt = [...call.prompt]
  for (const [index, message] of prompt.entries()) {
    if (message.role !== 'tool') continue
    const content = [...message.content]
    for (const [at, part] of content.entries()) {
      if (part.type === 'tool-result') content[at] = await textResult(part)
    }
    prompt[index] = { ...message, content }
  }
  return { ...call, prompt }
}

async function textResult(
  part: LanguageModelV4ToolResultPart,
): Promise<LanguageModelV4ToolResultPart> {
  const { output } = part
  if ((output.type !== 'json' && output.type !== 'error-json') || isOnePiece(output)) return part
  const value = (await jsonInSteps(output.value)).join('')
  const type = output.type === 'json' ? 'text' : 'error-text'
  const text: LanguageModelV4ToolResultOutput = { type, value }
  return { ...part, output: text }
}
