/**
 * Which tools ask before they run. At a terminal everything that may have an effect does, unless it
 * was allowed: a tool says by its retry class `safe` that it only looks.
 */
import type { ToolSet } from 'ai'

import type { AgentTools, NamedTool } from '../tool.ts'

/** Names of tools that need not ask any more. */
export class Grants {
  readonly #isEverything: boolean
  readonly #names: Set<string>

  constructor({ everything, names }: { everything: boolean; names: readonly string[] }) {
    this.#isEverything = everything
    this.#names = new Set(names)
  }

  allows(toolName: string): boolean {
    return this.#isEverything || this.#names.has(toolName)
  }

  add(toolName: string): void {
    this.#names.add(toolName)
  }
}

export interface AskOptions {
  grants: Grants
  /** Sub-agents: what they do is decided by their own tools. */
  delegates: ReadonlySet<string>
}

/** The same tools; those with effects ask. */
export function askingTools(tools: AgentTools, options: AskOptions): AgentTools {
  const asking = (entry: NamedTool | ToolSet) => askingEntry(entry, options)
  return isList(tools) ? tools.map(asking) : askingSet(tools, options)
}

const isList = (tools: AgentTools): tools is readonly (NamedTool | ToolSet)[] =>
  Array.isArray(tools)

function askingEntry(entry: NamedTool | ToolSet, options: AskOptions): NamedTool | ToolSet {
  if (!isNamedTool(entry)) return askingSet(entry, options)
  const { grants, delegates } = options
  const isHarmless =
    entry.retry === 'safe' || entry.execute === undefined || delegates.has(entry.name)
  if (isHarmless && entry.needsApproval === undefined) return entry
  const own = entry.needsApproval
  const tool: NamedTool = {
    ...entry,
    needsApproval: async (input, context) => {
      if (grants.allows(entry.name)) return false
      return typeof own === 'function' ? own(input, context) : (own ?? true)
    },
  }
  return tool
}

/** Tools of the AI SDK say nothing of effects, so they may have some. */
function askingSet(tools: ToolSet, { grants }: AskOptions): ToolSet {
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => {
      if (tool.execute === undefined) return [name, tool]
      const own = tool.needsApproval
      // Its input is its own business, and handed on as it is.
      const asks: (input: never, context: never) => Promise<boolean> = async (input, context) => {
        if (grants.allows(name)) return false
        return typeof own === 'function' ? own(input, context) : (own ?? true)
      }
      return [name, { ...tool, needsApproval: asks }]
    }),
  )
}

const isNamedTool = (entry: NamedTool | ToolSet): entry is NamedTool =>
  'name' in entry && typeof entry.name === 'string' && 'inputSchema' in entry
