/** The agent of a task: the tool names from the agent of the root lead to it. */
import type { JSONObject } from '@ai-sdk/provider'

import type { Agent } from '../agent.ts'
import { subAgentOf } from '../sub-agent.ts'
import { isNamedTool, type ToolEntry, toolEntries } from '../tool-list.ts'

/** Returns undefined if an agent on the way does not have the tool, or the tool runs no agent. */
export async function agentOfTask(
  root: Agent | undefined,
  path: readonly string[],
  context: JSONObject,
): Promise<Agent | undefined> {
  let agent = root
  for (const name of path) {
    if (agent === undefined) return undefined
    const { tools } = agent
    const entries = toolEntries(typeof tools === 'function' ? await tools(context) : tools)
    agent = entries.reduce<Agent | undefined>(
      (found, entry) => agentIn(entry, name) ?? found,
      undefined,
    )
  }
  return agent
}

function agentIn(entry: ToolEntry, name: string): Agent | undefined {
  if (isNamedTool(entry)) return entry.name === name ? subAgentOf(entry) : undefined
  const tool = entry[name]
  return tool === undefined ? undefined : subAgentOf(tool)
}
