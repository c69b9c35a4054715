/** The metadata of an assistant message. */
import type { Outcome } from './run-result.ts'
import type { Cost, StepUsage, TaskSpending } from './spending.ts'
import type { Usage } from './usage.ts'

/**
 * The metadata of an assistant message, as clients receive and stores keep it. All fields are optional: they
 * arrive while the message is streamed, and user messages have none of them.
 * @example
 * ```ts
 * import type { AnswerMetadata } from 'loomkit'
 *
 * const footer = ({ model = '', durationMs = 0, usage }: AnswerMetadata) =>
 *   `${model}: ${usage?.totalTokens ?? 0} tokens in ${durationMs} ms`
 * ```
 */
export interface AnswerMetadata {
  /** The name of the agent. */
  agent?: string
  /** The time of the start, in milliseconds since 1970. */
  createdAt?: number
  /** `provider/model-id` of the model of the last step. */
  model?: string
  /** The number of model calls. */
  steps?: number
  /** The end of the run. */
  outcome?: Outcome
  /** A text for people that names the budget that is used up. */
  reason?: string
  /** The tokens of the message, including those of sub-agents. */
  usage?: Usage
  /** The cost of the message. Absent or null if the price of a model call is unknown. */
  cost?: Cost | null
  /** The tokens and the cost of each step. */
  stepUsage?: readonly StepUsage[]
  /** The part of `usage` and `cost` that tasks spent, by the id of the tool call. Absent without tasks. */
  tasks?: Record<string, TaskSpending>
  /** The time from the start to the end, in milliseconds. */
  durationMs?: number
  /** The time from the start to the first content of the model, in milliseconds. */
  timeToFirstTokenMs?: number
  /** True for a user message that waits in the queue of a session. */
  queued?: boolean
}
