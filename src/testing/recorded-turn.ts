/** One message of a user and its answer, as a recorded test contains them. */
import type { UIMessage } from 'ai'

/**
 * A tool call of a recorded step, with its outcome. A call without an outcome has no
 * answer yet. `replaySession` never runs the tool. It gives the call this outcome, and fails if Loom would
 * not give the call an outcome of this kind.
 * @example
 * ```ts
 * import type { RecordedCall } from 'loomkit/testing'
 *
 * const ran: RecordedCall = { toolName: 'weather', input: { city: 'Oslo' }, output: { sky: 'rain' } }
 * const refused: RecordedCall = { toolName: 'pay', input: { cents: 900 }, approved: false }
 * const asked: RecordedCall = { toolName: 'human', input: { question: 'Where?' }, answer: 'Oslo' }
 * ```
 */
export interface RecordedCall {
  /** The name of the tool. */
  toolName: string
  /** The input of the model. In a refused call, a string is sent as it is, so that it may be malformed JSON. */
  input: unknown
  /** The decision of a human, before the call ran. Absent if the call needed no approval. */
  approved?: boolean
  /** The reason of the decision. */
  reason?: string
  /** The output of the tool. */
  output?: unknown
  /** The error of the tool, as the model received it. */
  error?: string
  /** The output that the client or a human gave, for a tool that the server does not run. */
  answer?: unknown
  /** The error that the client gave instead of an output. */
  answerError?: string
  /** True if Loom refused the call: there is no such tool, or the input does not fit. */
  refused?: true
  /** True if the turn was stopped before the call ended. */
  stopped?: true
  /** True if the provider ran the tool. */
  providerExecuted?: true
}

/**
 * One reply of the model in a recorded answer.
 * @example
 * ```ts
 * import type { RecordedStep } from 'loomkit/testing'
 *
 * const call = { toolName: 'weather', input: { city: 'Oslo' }, output: { sky: 'rain' } }
 * const step: RecordedStep = { reasoning: 'I must look.', toolCalls: [call] }
 * ```
 */
export interface RecordedStep {
  /** The reasoning of the model. */
  reasoning?: string
  /** The text of the reply. */
  text?: string
  /** The tool calls, in order. */
  toolCalls?: readonly RecordedCall[]
  /** True if the reply broke off here, and the next step continued it. */
  breaksOff?: true
}

/**
 * A message of the user and its answer, for `replaySession`. A step that is a string is a reply with this text.
 * @example
 * ```ts
 * import type { RecordedTurn } from 'loomkit/testing'
 *
 * const call = { toolName: 'weather', input: { city: 'Oslo' }, output: { sky: 'rain' } }
 * const turn: RecordedTurn = {
 *   user: 'How is Oslo?',
 *   steps: [{ toolCalls: [call] }, 'It rains in Oslo.'],
 * }
 * ```
 */
export interface RecordedTurn {
  /** The message: a text, or its parts. */
  user: string | UIMessage['parts']
  /** Messages that the user sent to the running turn (`whenBusy: 'steer'`). @defaultValue none */
  steering?: readonly (string | UIMessage['parts'])[]
  /** The replies of the model, one for each call. */
  steps: readonly (string | RecordedStep)[]
  /** The output of an agent with an `output` schema. @defaultValue none */
  output?: unknown
  /**
   * The end of the answer. `aborted`: a stop request ended it. `error`: the model failed. `waiting`: its
   * last calls have no answer yet. `max-steps` and `stopped`: the agent ended it. @defaultValue 'finished'
   */
  outcome?: 'finished' | 'aborted' | 'error' | 'waiting' | 'max-steps' | 'stopped'
}
