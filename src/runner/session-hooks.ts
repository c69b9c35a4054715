/** The inputs of a run from its session. A run without a session has none. */
import type { ModelMessage } from 'ai'

import type { Budget } from '../agent.ts'
import type { CallTask } from '../call-task.ts'
import type { AgentEvent, StepRecord } from '../event.ts'
import type { CallSchedules } from '../schedule.ts'
import type { Spending, StepUsage } from '../spending.ts'
import type { Breaker } from './compaction/breaker.ts'
import type { Origins } from './compaction/origins.ts'

/** A call whose input is in the log of the turn, but not its outcome, because its process died. */
export interface OpenCall {
  toolCallId: string
  toolName: string
  input: unknown
  /** As in the event of its input: all later events of the call must have the same value. */
  dynamic: boolean
  /** Whether approval was requested. */
  hasApprovalRequest: boolean
  /** Whether a human approved it, so that it may already have run. */
  approved: boolean
  /** Whether it has preliminary output, so that it has begun. @defaultValue false */
  hasBegun?: boolean
  /** The finished steps inside it. */
  steps: StepRecord[]
}

/** The state of the message that an earlier process left. */
export interface Resume {
  /** Whether its `start` is in the log. */
  started?: boolean
  /** Whether a step is open: its `start-step` is in the log and its `finish-step` is not. */
  stepOpen?: boolean
  /** Calls of that step. */
  openCalls?: readonly OpenCall[]
  /** Provider-executed calls without an outcome in the message. */
  providerCalls?: readonly { toolCallId: string; dynamic: boolean }[]
  /** Whether the message ends in a partial reply that the model continues. */
  cutOff?: boolean
  /** The spending of the message so far. */
  spent?: { spending: Spending; steps: readonly StepUsage[]; tasks?: ReadonlyMap<string, Spending> }
}

/** The summaries of messages that one run does not receive. */
export interface SessionSummaries {
  /** The origins of the run's messages. */
  origins: Origins
  /** The circuit breaker of the session, for all of its turns. */
  breaker: Breaker
  /** Stores a summary beside the history, for later turns. */
  save: (summary: SavedSummary) => Promise<void>
}

export interface SavedSummary {
  text: string
  /** The id of the last stored message that the summary covers. */
  through: string
  /** The estimated length. */
  tokens: number
}

/** The place of a session that another session started. The ids are those by which the principal names them. */
export interface SessionTree {
  /** The session whose tool call started this one. */
  parent: string
  /** The session above all others of the tree. */
  root: string
}

/** A tool call of an agent's tool. */
export interface AgentCall {
  toolCallId: string
  toolName: string
  signal: AbortSignal
  /** Counts the spending of the task for this turn. A second amount replaces the first. */
  spend: (spending: Spending) => void
}

/** The tasks of the calls of a run. */
export interface SessionTasks {
  taskOf: (call: AgentCall) => CallTask
  /** The events of the questions of tasks, for the end of a run that waits. They are a step of their own. */
  questions: () => AgentEvent[]
  /** The events that close the questions which nothing answers any more, for any other end of a run. */
  closing: () => AgentEvent[]
}

export interface SessionHooks {
  /** The id of the session in the store, and the first part of every idempotency key. */
  id: string
  /** The id by which the principal of the session names it. */
  publicId: string
  /** Undefined for a session that no other session started. */
  tree?: SessionTree
  resume: Resume
  summaries?: SessionSummaries
  /**
   * The spending of all sessions of the tree, without the unfinished message of this one. Called before each step if
   * there is a session budget.
   */
  spent: () => Promise<Spending>
  /** The budget of the root of a task, for all sessions of its tree together. */
  treeBudget?: Budget
  /** Notes the spending of the message so far, without its tasks: before the calls of a step run, and after them. */
  noteSpending?: (spending: Spending) => Promise<void>
  /** Awaited before each model call and each tool call. Rejects if another process took over the turn. */
  beforeStart: () => Promise<void>
  /** Stores a finished step inside a tool call. Resolves when the log has it. */
  record?: (step: StepRecord) => Promise<void>
  /** The schedules of the session. */
  schedules?: CallSchedules
  /** The tasks of the session. */
  tasks?: SessionTasks
  /** Messages that arrived for this turn while it ran. Called before each step. */
  moreMessages: () => Promise<ModelMessage[]>
  /** Whether every reader of the message supports `reset-step`. */
  mayReset: () => Promise<boolean>
}
