/**
 * The tool calls at the end of a conversation that need approval: those with a decision that have not
 * run yet, and those without one. After a new user message no call is pending.
 */
import type { ModelMessage } from 'ai'

import type { ContentPart } from './content.ts'

export interface DecidedCall {
  toolCallId: string
  toolName: string
  input: unknown
  approvalId: string
  approved: boolean
  reason: string | undefined
}

export interface PendingCalls {
  decided: DecidedCall[]
  /** The count of calls without a decision, including calls that the provider runs. */
  undecided: number
}

export function pendingCalls(messages: readonly ModelMessage[]): PendingCalls {
  const last = messages.findLastIndex(({ role }) => role === 'assistant')
  const after = messages.slice(last + 1)
  const assistant = messages[last]
  if (assistant?.role !== 'assistant' || after.some(({ role }) => role !== 'tool')) {
    return { decided: [], undecided: 0 }
  }
  const parts = typeof assistant.content === 'string' ? [] : assistant.content
  const answers = after.flatMap((message) => (message.role === 'tool' ? message.content : []))
  const settled = new Set(
    [...parts, ...answers].map((part) =>
      part.type === 'tool-result' ? part.toolCallId : undefined,
    ),
  )
  const decided = answers.flatMap((answer) => {
    if (answer.type !== 'tool-approval-response') return []
    const { approvalId, approved, reason } = answer
    const call = callOf(parts, approvalId)
    if (call === undefined || settled.has(call.toolCallId)) return []
    // If there are two decisions on one call, the first counts, and the call runs once.
    settled.add(call.toolCallId)
    if (call.providerExecuted === true) return []
    const { toolCallId, toolName, input } = call
    return [{ toolCallId, toolName, input, approvalId, approved, reason }]
  })
  const undecided = parts.filter(
    (part) =>
      part.type === 'tool-approval-request' &&
      callOf(parts, part.approvalId) !== undefined &&
      !settled.has(part.toolCallId),
  )
  return { decided, undecided: undecided.length }
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
