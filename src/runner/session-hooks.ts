/** What a run is told by the session that it is a turn of. A run without a session needs none. */
import type { ModelMessage } from 'ai'

import type { Spending, StepUsage } from '../spending.ts'

/** A call whose input the log of the turn holds, and not its outcome: its process died. */
export interface OpenCall {
  toolCallId: string
  toolName: string
  input: unknown
  /** As its input was told: what is told of it from now on must say the same. */
  dynamic: boolean
  /** A human was asked about it. */
  asked: boolean
  /** And approved, so it may have been running. */
  approved: boolean
}

/** Where an earlier process left the message. */
export interface Resume {
  /** Its `start` is in the log. */
  started?: boolean
  /** A step is open: its `start-step` is in the log and its `finish-step` is not. */
  stepOpen?: boolean
  /** Calls of that step. */
  openCalls?: readonly OpenCall[]
  /** The message ends in a partial reply that the model is to go on from. */
  cutOff?: boolean
  /** What the message has cost so far. */
  spent?: { spending: Spending; steps: readonly StepUsage[] }
}

export interface SessionHooks {
  /** The first part of every idempotency key. */
  id: string
  resume: Resume
  /** What the session's other messages have cost; asked for where there is a budget for it. */
  spent: () => Promise<Spending>
  /** Awaited before each model call and each tool call: rejects when the turn is another's now. */
  beforeStart: () => Promise<void>
  /** Messages that came for this turn while it ran; asked for before each step. */
  moreMessages: () => Promise<ModelMessage[]>
  /** Whether every reader of the message knows `reset-step`. */
  mayReset: () => Promise<boolean>
}
