/** What a letter carries for whoever runs it, on whatever instance: plain JSON. */
import type { JSONObject } from '@ai-sdk/provider'

export interface LetterRequest {
  agent: string
  /** Without it, the turn has the session's last; see `Letter`. */
  context?: JSONObject
  /** False where whoever posted cannot show an approval: a call that needs one is then refused. */
  approvals?: boolean
  /** False where whoever posted cannot answer a client-side tool. */
  clientTools?: boolean
}

/** What the client or a human said to a message that waits. */
export type Answer =
  | { type: 'output'; toolCallId: string; output: unknown }
  | { type: 'output-error'; toolCallId: string; errorText: string }
  | { type: 'approval'; approvalId: string; approved: boolean; reason?: string }

export const isLetterRequest = (value: unknown): value is LetterRequest =>
  typeof value === 'object' && value !== null && 'agent' in value && typeof value.agent === 'string'
