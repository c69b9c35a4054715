/** The entries of what an agent lists as its tools. */
import type { ToolSet } from 'ai'

import type { AgentTools, NamedTool } from './tool.ts'

/** A named tool, or a set of AI SDK tools by name. */
export type ToolEntry = NamedTool | ToolSet

export function toolEntries(tools: AgentTools): readonly ToolEntry[] {
  return isList(tools) ? tools : [tools]
}

/** True for a tool that has its name itself; a set may hold a tool that is called `name`. */
export const isNamedTool = (entry: ToolEntry): entry is NamedTool =>
  'name' in entry && typeof entry.name === 'string' && 'inputSchema' in entry

/** The names of all tools, in the order of the list. */
export const toolNames = (tools: AgentTools): string[] =>
  toolEntries(tools).flatMap((entry) => (isNamedTool(entry) ? [entry.name] : Object.keys(entry)))

// `Array.isArray` does not narrow a readonly array.
const isList = (tools: AgentTools): tools is readonly ToolEntry[] => Array.isArray(tools)
