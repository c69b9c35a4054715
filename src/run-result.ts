/** The result of a run. This module is below all modules that return or pass a result. */
import type { JSONValue } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import type { FinishReason } from './event.ts'
import type { Cost } from './spending.ts'
import type { Usage } from './usage.ts'

/**
 * The end of a run. `finished`: the model finished its answer. `max-steps`: the run reached the agent's
 * `maxSteps`. `waiting`: the run needs outputs of client-side tools or decisions on approvals. To continue, run
 * the agent again with `messages` and a message of the role `tool` that has them. `stopped`:
 * `onStep` ended it. `max-cost` and `max-tokens`: a budget is used up, and `reason` names it. `error` and
 * `aborted` are the outcomes in the `result` of the error that `run` throws.
 * @example
 * ```ts
 * import { defineAgent, type Outcome, run } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const complete: Outcome = 'finished'
 * const { outcome } = await run(agent, 'What is 2 + 2?')
 * const isComplete = outcome === complete
 * ```
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

/** The type of an output in messages, which are JSON: the same type, if it is one of JSON. */
export type JsonOf<OUTPUT> = [OUTPUT] extends [JSONValue] ? OUTPUT : JSONValue

/**
 * The result of a run. `run` returns it, and the `result` of a `LoomError` holds it.
 * @example
 * ```ts
 * import { defineAgent, run, type RunResult } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const result: RunResult = await run(agent, 'What is 2 + 2?')
 * const summary = `${result.text} (${result.steps} steps, ${result.usage.totalTokens} tokens)`
 * ```
 */
export interface RunResult<OUTPUT = unknown> {
  /** The whole conversation, the input included. The next run may begin with it. */
  messages: ModelMessage[]
  /** The text of the last step. */
  text: string
  /**
   * The final answer as the agent's `output` schema returned it. Absent for an agent without the schema. If
   * the run ended before a final answer (its `outcome` is not `finished`), reading it throws `output-invalid`.
   */
  output: OUTPUT
  /** The number of model calls. */
  steps: number
  /** The tokens of the run, including those of sub-agents. */
  usage: Usage
  /** The cost of the run. Absent if the price of a model call is unknown. */
  cost?: Cost
  /** The reason why the last model call ended. */
  finishReason: FinishReason
  /** The end of the run. */
  outcome: Outcome
  /** A text for people that names the budget that is used up. Absent for every other outcome. */
  reason?: string
}
