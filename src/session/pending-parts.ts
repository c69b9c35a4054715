/** The parts of a message that wait for a client or a human. */
import type { FoldedMessage, FoldedPart } from '../message-fold.ts'
import { isMirrored } from '../mirrored-call.ts'

/**
 * Returns the tool parts of the last step that need an output of the client or a decision of a human. The
 * questions of tasks have a step of their own after it.
 */
export function pendingParts({ parts }: FoldedMessage): FoldedPart[] {
  const lastOwn = parts.findLastIndex((part) => part.type !== 'step-start' && !isMirrored(part))
  const from = parts.slice(0, lastOwn + 1).findLastIndex(({ type }) => type === 'step-start') + 1
  return parts
    .slice(from)
    .filter(
      (part) =>
        typeof part['toolCallId'] === 'string' &&
        part['providerExecuted'] !== true &&
        (part['state'] === 'input-available' || part['state'] === 'approval-requested'),
    )
}

/** Returns the part that waits for the output of a client-side call. */
export const pendingOutput = (message: FoldedMessage, toolCallId: string) =>
  pendingParts(message).find(
    (part) => part['toolCallId'] === toolCallId && part['state'] === 'input-available',
  )

/** Returns the part that waits for this decision. */
export const pendingApproval = (message: FoldedMessage, approvalId: string) =>
  pendingParts(message).find((part) => {
    const approval: unknown = part['approval']
    return (
      part['state'] === 'approval-requested' &&
      typeof approval === 'object' &&
      approval !== null &&
      'id' in approval &&
      approval.id === approvalId
    )
  })
