/** The events that an answer of a client or a human adds to the log of the message that waits for it. */
import type { AgentEvent } from '../event.ts'
import type { FoldedMessage } from '../message-fold.ts'
import type { Answer } from '../store/letter.ts'
import { pendingApproval, pendingOutput } from './pending-parts.ts'

/** Returns no events if the message does not wait for that answer. */
export function answerEvents(message: FoldedMessage, answer: Answer): AgentEvent[] {
  switch (answer.type) {
    case 'approval': {
      const { approvalId, approved, reason } = answer
      if (pendingApproval(message, approvalId) === undefined) return []
      return [
        {
          type: 'tool-approval-response',
          approvalId,
          approved,
          ...(reason !== undefined && { reason }),
        },
      ]
    }
    case 'output':
    case 'output-error': {
      const part = pendingOutput(message, answer.toolCallId)
      if (part === undefined) return []
      const { toolCallId } = answer
      const dynamic = part.type === 'dynamic-tool' && { dynamic: true }
      return answer.type === 'output'
        ? [{ type: 'tool-output-available', toolCallId, output: answer.output, ...dynamic }]
        : [{ type: 'tool-output-error', toolCallId, errorText: answer.errorText, ...dynamic }]
    }
  }
}
