/**
 * An approval id proves itself: it carries a signature over the very call that was asked about. So a
 * decision that comes back in a posted history counts only for a call that this agent really put to
 * a human, with the input that the human saw. It does not stop a client from posting the same
 * decision twice; the session does.
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

/** Whether `approvalId` was made for this very call. */
export function isApprovalOf(approvalId: string, call: ApprovedCall, secret: string): boolean {
  const [nonce = '', given = ''] = approvalId.split('.')
  const expected = Buffer.from(signature(nonce, call, secret))
  const actual = Buffer.from(given)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

function signature(nonce: string, call: ApprovedCall, secret: string): string {
  const text = JSON.stringify([nonce, call.toolCallId, call.toolName, canonical(call.input)])
  return createHmac('sha256', secret).update(text).digest('base64url')
}

/** Keys in order: the history may have been through a store that does not keep theirs. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  // An object again, or it would be signed as the list of pairs that it is not.
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  )
}
