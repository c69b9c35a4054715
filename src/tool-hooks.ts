/** The hooks of an agent around the tool calls that its process runs. */
import type { ToolCallFacts } from './tool-call.ts'

/**
 * A tool call before it runs. An agent's `beforeTool` receives it.
 * @example
 * ```ts
 * import type { BeforeToolInfo } from 'loomkit'
 *
 * const isDeletion = ({ toolName, input }: BeforeToolInfo) =>
 *   toolName === 'bash' && JSON.stringify(input).includes('rm ')
 * ```
 */
export interface BeforeToolInfo extends ToolCallFacts {
  /** The name of the tool. */
  toolName: string
  /** The input as the model wrote it, before the schema of the tool fills in defaults. */
  input: unknown
}

/**
 * The result of an agent's `beforeTool`. `undefined` runs the tool with its input. `input` runs it with another
 * input, which the schema of the tool checks. `refuse` does not run it, and reports the reason to the model as
 * the error of the call. `output` does not run it, and is the output of the call.
 * @example
 * ```ts
 * import { type BeforeToolDecision, type BeforeToolInfo, defineAgent } from 'loomkit'
 *
 * const beforeTool = ({ toolName }: BeforeToolInfo): BeforeToolDecision =>
 *   toolName === 'pay' ? { refuse: 'Payments are closed today.' } : undefined
 * const clerk = defineAgent({ name: 'clerk', systemPrompt: 'Help with orders.', beforeTool })
 * ```
 */
export type BeforeToolDecision =
  | undefined
  | void
  | {
      /** The new input. The schema of the tool checks it. */
      input: unknown
    }
  | {
      /** The reason of the refusal. The model receives it as the error of the call. */
      refuse: string
    }
  | {
      /** The output of the call. The tool does not run. */
      output: unknown
    }

/**
 * A tool call with its outcome: an output or the text of an error. An agent's `afterTool` receives it.
 * @example
 * ```ts
 * import type { AfterToolInfo } from 'loomkit'
 *
 * const lineOf = ({ toolName, durationMs, error }: AfterToolInfo) =>
 *   `${toolName}: ${error ?? 'done'} after ${Math.round(durationMs)} ms`
 * ```
 */
export interface AfterToolInfo extends BeforeToolInfo {
  /** The output of the call. Undefined if the call failed. */
  output?: unknown
  /** The error that the model receives. Undefined if the call has an output. */
  error?: string
  /** The time of the call, in milliseconds. */
  durationMs: number
}

/**
 * The result of an agent's `afterTool`. `undefined` leaves the outcome as it is. `output` becomes the output of the call,
 * also of a call that failed. `error` becomes its error.
 * @example
 * ```ts
 * import { type AfterToolDecision, type AfterToolInfo, defineAgent } from 'loomkit'
 *
 * const afterTool = ({ output }: AfterToolInfo): AfterToolDecision =>
 *   typeof output === 'string' ? { output: output.replaceAll(/\d{16}/g, '[card]') } : undefined
 * const clerk = defineAgent({ name: 'clerk', systemPrompt: 'Help with orders.', afterTool })
 * ```
 */
export type AfterToolDecision =
  | undefined
  | void
  | {
      /** The output that replaces the outcome of the call. */
      output: unknown
    }
  | {
      /** The error that replaces the outcome of the call. */
      error: string
    }
