/** What a run is told by the session that it is a turn of. A run without a session needs none. */
import type { ModelMessage } from 'ai'

import type { Spending, StepUsage } from '../spending.ts'
import type { Breaker } from './compaction/breaker.ts'
import type { Origins } from './compaction/origins.ts'

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
  /** Calls that the provider runs itself and that the message has no outcome of. */
  providerCalls?: readonly { toolCallId: string; dynamic: boolean }[]
  /** The message ends in a partial reply that the model is to go on from. */
  cutOff?: boolean
  /** What the message has cost so far. */
  spent?: { spending: Spending; steps: readonly StepUsage[] }
}

/** What stands for more of the conversation than one run is given. */
export interface SessionSummaries {
  /** Of the run's messages. */
  origins: Origins
  /** Of the session, over its turns. */
  breaker: Breaker
  /** Beside the history, for the turns that follow. */
  save: (summary: SavedSummary) => Promise<void>
}

export interface SavedSummary {
  text: string
  /** The id of the last stored message that it stands for. */
  through: string
  /** About how long it is. */
  tokens: number
}

export interface SessionHooks {
  /** The first part of every idempotency key. */
  id: string
  resume: Resume
  summaries?: SessionSummaries
  /** What the session's other messages have cost; asked for where there is a budget for it. */
  spent: () => Promise<Spending>
  /** Awaited before each model call and each tool call: rejects when the turn is another's now. */
  beforeStart: () => Promise<void>
  /** Messages that came for this turn while it ran; asked for before each step. */
  moreMessages: () => Promise<ModelMessage[]>
  /** Whether every reader of the message knows `reset-step`. */
  mayReset: () => Promise<boolean>
}
