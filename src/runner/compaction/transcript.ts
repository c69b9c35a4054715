/** A conversation as text, for the model that summarises it. Reasoning is left out, files are named. */
import type { ModelMessage, ToolResultPart } from 'ai'

import type { MessagePart } from './estimate.ts'
import { contentText, cutMiddle } from './shorten.ts'

/** Characters of an input or output. The text around a call usually repeats its result. */
const resultLengthMax = 2000
/** Characters of a text of the user or the assistant. */
const textLengthMax = 20_000

/** Returns one text per message. */
export function transcriptOf(messages: readonly ModelMessage[]): string[] {
  return messages.map(({ role, content }) => {
    const words =
      typeof content === 'string' ? [cutMiddle(content, textLengthMax)] : content.flatMap(wordsOf)
    return `[${role}]\n${words.join('\n')}`
  })
}

function wordsOf(part: MessagePart): string[] {
  switch (part.type) {
    case 'text':
      return [cutMiddle(part.text, textLengthMax)]
    case 'file':
    case 'image':
    case 'reasoning-file':
      return [
        `(a file${'mediaType' in part && part.mediaType !== undefined ? `: ${part.mediaType}` : ''})`,
      ]
    case 'tool-call':
      return [
        `calls ${part.toolName} with ${cutMiddle(JSON.stringify(part.input) ?? '', resultLengthMax)}`,
      ]
    case 'tool-result':
      return [`${part.toolName} gave ${cutMiddle(outputText(part.output), resultLengthMax)}`]
    case 'tool-approval-response':
      return [part.approved ? '(approved)' : '(not approved)']
    case 'reasoning':
    case 'custom':
    case 'tool-approval-request':
      return []
  }
}

function outputText(output: ToolResultPart['output']): string {
  switch (output.type) {
    case 'text':
      return output.value
    case 'error-text':
      return `an error: ${output.value}`
    case 'json':
      return JSON.stringify(output.value)
    case 'error-json':
      return `an error: ${JSON.stringify(output.value)}`
    case 'execution-denied':
      return `nothing: it was denied ${output.reason ?? ''}`
    case 'content':
      return contentText(output.value)
  }
}
