/** What a message that waits is waiting for, read off the message itself. */
import type { FoldedMessage, FoldedPart } from '../message-fold.ts'

/** Tool parts of the last step that a client or a human must act on. */
export function waitingParts({ parts }: FoldedMessage): FoldedPart[] {
  const from = parts.findLastIndex(({ type }) => type === 'step-start') + 1
  return parts
    .slice(from)
    .filter(
      (part) =>
        typeof part['toolCallId'] === 'string' &&
        part['providerExecuted'] !== true &&
        (part['state'] === 'input-available' || part['state'] === 'approval-requested'),
    )
}

/** The part that waits for the output of a client-side call. */
export const waitsForOutput = (message: FoldedMessage, toolCallId: string) =>
  waitingParts(message).find(
    (part) => part['toolCallId'] === toolCallId && part['state'] === 'input-available',
  )

/** The part that waits for a decision. */
export const waitsForApproval = (message: FoldedMessage, approvalId: string) =>
  waitingParts(message).find((part) => {
    const approval: unknown = part['approval']
    return (
      part['state'] === 'approval-requested' &&
      typeof approval === 'object' &&
      approval !== null &&
      'id' in approval &&
      approval.id === approvalId
    )
  })
