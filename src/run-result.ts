/** The result of a run, below everything that returns or carries it. */
import type { ModelMessage } from 'ai'

import type { FinishReason } from './event.ts'
import type { Cost } from './spending.ts'
import type { Usage } from './usage.ts'

/**
 * How a run ended. `waiting`: for the outputs of client-side tools, or for decisions on approvals.
 * `stopped`: by `onStep`. `max-cost` and `max-tokens`: a budget was used up, and `reason` says which.
 * The last two come with the error that `run` rejects with.
 */
export type Outcome =
  | 'finished'
  | 'max-steps'
  | 'max-cost'
  | 'max-tokens'
  | 'stopped'
  | 'waiting'
  | 'error'
  | 'aborted'

/** What a run came to. */
export interface RunResult {
  /** The whole chain: what was given and what the run added. Feed it to the next run. */
  messages: ModelMessage[]
  /** The text of the last step. */
  text: string
  /** How many model calls were made. */
  steps: number
  usage: Usage
  /** What it cost, where the price of every model call is known. */
  cost?: Cost
  finishReason: FinishReason
  outcome: Outcome
  /** For people: which budget was used up. */
  reason?: string
}
