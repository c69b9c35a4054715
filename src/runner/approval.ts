/**
 * Approval ids that prove themselves. An id carries a signature over the call that needs approval. So
 * a decision in a posted history counts only for a call for which this agent asked for approval, with
 * the input that the human saw. The id does not prevent a client from posting the same decision
 * twice; the session prevents that.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

export interface ApprovedCall {
  toolCallId: string
  toolName: string
  input: unknown
}

/** A new approval id for a call. */
export function approvalIdOf(call: ApprovedCall, secret: string): string {
  const nonce = randomBytes(9).toString('base64url')
  return `${nonce}.${signature(nonce, call, secret)}`
}

/** Whether `approvalId` was created for exactly this call. */
export function isApprovalOf(approvalId: string, call: ApprovedCall, secret: string): boolean {
  const [nonce = '', actualText = ''] = approvalId.split('.')
  const expected = Buffer.from(signature(nonce, call, secret))
  const actual = Buffer.from(actualText)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

function signature(nonce: string, call: ApprovedCall, secret: string): string {
  const text = JSON.stringify([nonce, call.toolCallId, call.toolName, canonical(call.input)])
  return createHmac('sha256', secret).update(text).digest('base64url')
}

/** Sorts the keys, because a store of the history may have changed their order. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  // Back to an object: a list of pairs has another JSON text and so another signature.
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  )
}
