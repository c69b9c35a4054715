/** The output of an agent's tool. */
import type { JSONValue } from '@ai-sdk/provider'

import type { Usage } from '../usage.ts'

/**
 * The output of a tool that `agentTool` returned. Clients receive it as preliminary output while the sub-agent
 * works, at most every 100 milliseconds (less often for a long text), and then as the result.
 * @example
 * ```ts
 * import type { AgentToolOutput } from 'loomkit'
 *
 * const progressOf = ({ text, toolCalls }: AgentToolOutput) => `${toolCalls.length} calls: ${text}`
 * ```
 */
export interface AgentToolOutput<OUTPUT = JSONValue> {
  /** The text of the current step; in the result, the answer. */
  text: string
  /** The tools that the sub-agent called, in order. */
  toolCalls: {
    /** The name of the tool. */
    toolName: string
    /** `running`, `done`, or `error` if the call failed. */
    state: 'running' | 'done' | 'error'
  }[]
  /** The output of an agent with an `output` schema, as JSON. Only in the result. */
  output?: OUTPUT
  /** The number of model calls. Only in the result. */
  steps?: number
  /** The tokens of the sub-agent. Only in the result. */
  usage?: Usage
  /** The id of the session of a task that works in the background. Absent for every other call. */
  taskId?: string
}
