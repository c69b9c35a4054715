/** The mark of a tool that runs an agent, so that another process finds the agent of a task. */
import type { Agent } from './agent.ts'

// A property, so that a copy of the tool with other fields has it too.
const mark = Symbol('agent')

interface Marked {
  [mark]?: Agent
}

/** Marks a tool with its agent. Returns the tool. */
export const withSubAgent = <TOOL extends object>(tool: TOOL, agent: Agent<never>): TOOL =>
  Object.assign(tool, { [mark]: agent })

/**
 * Returns the agent that a tool of `agentTool` runs. Returns undefined for any other tool. A context is JSON, so no
 * type can describe it.
 */
export const subAgentOf = (tool: object & Marked): Agent | undefined => tool[mark]
