/**
 * The first stage of compaction, which costs no model call. Old tool outputs become stubs, and very
 * long newer ones lose their middle. Each message keeps its index in the list.
 */
import type { ModelMessage, ToolResultPart } from 'ai'

import { messageTokens, outputTokens } from './estimate.ts'
import { shortOutput } from './shorten.ts'

const stub = { type: 'text' as const, value: 'Output removed to save space.' }
const stubTokens = outputTokens(stub)

/** @param keep tokens of the newest messages, whose outputs stay */
export function withStubs(messages: readonly ModelMessage[], keep: number): ModelMessage[] {
  const providerCalls = providerCallsIn(messages)
  // The model has not read the outputs of the last step yet, so they are not old. Their size does not matter.
  const lastStep = messages.findLastIndex(({ role }) => role === 'assistant')
  const shorter: ModelMessage[] = []
  let newer = 0
  for (let index = messages.length - 1; index >= 0; index--) {
    const message = messages[index]
    if (message === undefined) continue
    const isOld = newer > keep && index < lastStep
    const replace = (output: ToolResultPart['output']) => {
      if (!isOld) return shortOutput(output, keep / 2)
      return outputTokens(output) > stubTokens ? stub : output
    }
    const next = message.role === 'tool' ? replaced(message, replace, providerCalls) : message
    newer += messageTokens(next)
    shorter.push(next)
  }
  return shorter.toReversed()
}

type ToolMessage = ModelMessage & { role: 'tool' }

function replaced(
  message: ToolMessage,
  replace: (output: ToolResultPart['output']) => ToolResultPart['output'],
  providerCalls: ReadonlySet<string>,
): ToolMessage {
  let isSame = true
  const content = message.content.map((part) => {
    if (part.type !== 'tool-result' || providerCalls.has(part.toolCallId)) return part
    const output = replace(part.output)
    if (output === part.output) return part
    isSame = false
    return { ...part, output }
  })
  return isSame ? message : { ...message, content }
}

/** Provider-executed calls. Providers check the results of the tools that they run themselves. */
function providerCallsIn(messages: readonly ModelMessage[]): Set<string> {
  const ids = new Set<string>()
  for (const { role, content } of messages) {
    if (role !== 'assistant' || typeof content === 'string') continue
    for (const part of content) {
      if (part.type === 'tool-call' && part.providerExecuted === true) ids.add(part.toolCallId)
    }
  }
  return ids
}
