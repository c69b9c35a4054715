/** The entries of an agent's list of tools. */
import type { ToolSet } from 'ai'

import type { AgentTools, NamedTool } from './tool.ts'

/** A named tool, or a set of AI SDK tools by name. */
export type ToolEntry = NamedTool | ToolSet

/** A function of the context may return nothing: the agent has no tools then. */
export function toolEntries(tools: AgentTools | undefined): readonly ToolEntry[] {
  if (tools === undefined) return []
  return isList(tools) ? tools : [tools]
}

/** Whether an entry is one tool with a name of its own. A set may also hold a tool called `name`. */
export const isNamedTool = (entry: ToolEntry): entry is NamedTool =>
  'name' in entry && typeof entry.name === 'string' && 'inputSchema' in entry

/** The names of all tools, in the order of the list. */
export const toolNames = (tools: AgentTools): string[] =>
  toolEntries(tools).flatMap((entry) => (isNamedTool(entry) ? [entry.name] : Object.keys(entry)))

// `Array.isArray` does not narrow a readonly array.
const isList = (tools: AgentTools): tools is readonly ToolEntry[] => Array.isArray(tools)
