/** The tool calls at the end of a conversation that a human has decided on and nobody has run yet. */
import type { ModelMessage } from 'ai'

import type { ContentPart } from './step-reader.ts'

export interface DecidedCall {
  toolCallId: string
  toolName: string
  input: unknown
  approvalId: string
  approved: boolean
  reason: string | undefined
}

export function decidedCalls(messages: readonly ModelMessage[]): DecidedCall[] {
  const last = messages.findLastIndex(({ role }) => role === 'assistant')
  const after = messages.slice(last + 1)
  const assistant = messages[last]
  if (assistant?.role !== 'assistant' || after.some(({ role }) => role !== 'tool')) return []
  const parts = typeof assistant.content === 'string' ? [] : assistant.content
  const answers = after.flatMap((message) => (message.role === 'tool' ? message.content : []))
  const settled = new Set(
    answers.map((part) => (part.type === 'tool-result' ? part.toolCallId : undefined)),
  )
  return answers.flatMap((answer) => {
    if (answer.type !== 'tool-approval-response') return []
    const { approvalId, approved, reason } = answer
    const call = callOf(parts, approvalId)
    if (call === undefined || call.providerExecuted === true || settled.has(call.toolCallId))
      return []
    // Two decisions on one call: the first counts, and the call runs once.
    settled.add(call.toolCallId)
    const { toolCallId, toolName, input } = call
    return [{ toolCallId, toolName, input, approvalId, approved, reason }]
  })
}

function callOf(parts: readonly ContentPart[], approvalId: string) {
  const request = parts.find(
    (part) => part.type === 'tool-approval-request' && part.approvalId === approvalId,
  )
  if (request?.type !== 'tool-approval-request') return undefined
  const call = parts.find(
    (part) => part.type === 'tool-call' && part.toolCallId === request.toolCallId,
  )
  return call?.type === 'tool-call' ? call : undefined
}
