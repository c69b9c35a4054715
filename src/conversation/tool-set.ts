/** An agent's tools by name, as the AI SDK's own functions take them. */
import type { ToolSet } from 'ai'

import type { AgentTools, NamedTool } from '../tool.ts'

export function toolSetOf(tools: AgentTools): ToolSet {
  const set: ToolSet = {}
  for (const entry of isList(tools) ? tools : [tools]) {
    Object.assign(set, isNamed(entry) ? { [entry.name]: entry } : entry)
  }
  return set
}

const isList = (tools: AgentTools): tools is readonly (NamedTool | ToolSet)[] =>
  Array.isArray(tools)

const isNamed = (entry: NamedTool | ToolSet): entry is NamedTool =>
  'inputSchema' in entry && 'name' in entry && typeof entry.name === 'string'
