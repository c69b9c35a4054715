/**
 * Decides which tools need an approval before they run. In the command, every tool that may have an
 * effect needs one, unless the user allowed it. The retry class `safe` marks a tool that only
 * reads.
 */
import type { ToolSet } from 'ai'

import type { Agent } from '../agent.ts'
import { textField } from '../ground/fields.ts'
import { subAgentOf, withSubAgent } from '../sub-agent.ts'
import { isNamedTool, type ToolEntry, toolEntries } from '../tool-list.ts'
import type { AgentTools, NamedTool } from '../tool.ts'
import { isUnder, prefixOf } from './command-prefix.ts'

/** Tools and shell commands that the user allowed in advance. */
export class Grants {
  /** Whether every tool runs without asking. */
  isEverything: boolean
  readonly #names: Set<string>
  /** Command prefixes by the name of the tool that runs them. */
  readonly #prefixes = new Map<string, Set<string>>()
  readonly #commands = new Map<string, Set<string>>()

  /** @param names names of tools; `bash(git log)` allows only commands with this prefix */
  constructor({ everything, names }: { everything: boolean; names: readonly string[] }) {
    this.isEverything = everything
    this.#names = new Set(names)
    for (const name of names) {
      const [, tool, prefix] = /^([\w-]+)\((.+)\)$/s.exec(name) ?? []
      if (tool !== undefined && prefix !== undefined) this.#addPrefix(tool, prefix)
    }
  }

  allows(toolName: string, input: unknown): boolean {
    if (this.isEverything || this.#names.has(toolName)) return true
    const command = textField(input, 'command')
    if (command === undefined) return false
    if (this.#commands.get(toolName)?.has(command) === true) return true
    const prefixes = this.#prefixes.get(toolName) ?? new Set()
    return [...prefixes].some((prefix) => isUnder(command, prefix))
  }

  /**
   * Allows calls like this one. For a shell command, these are the commands with its prefix, or
   * only this command if it has none. For any other tool, these are all its calls.
   */
  add(toolName: string, input: unknown): void {
    const command = textField(input, 'command')
    if (command === undefined) return void this.#names.add(toolName)
    const prefix = prefixOf(command)
    if (prefix !== undefined) return this.#addPrefix(toolName, prefix)
    const commands = this.#commands.get(toolName) ?? new Set()
    this.#commands.set(toolName, commands.add(command))
  }

  #addPrefix(toolName: string, prefix: string): void {
    const prefixes = this.#prefixes.get(toolName) ?? new Set()
    this.#prefixes.set(toolName, prefixes.add(prefix))
  }
}

export interface ApprovalOptions {
  grants: Grants
  /** Names of sub-agents. A sub-agent needs no approval, because its own tools ask. */
  delegates: ReadonlySet<string>
}

/** Returns the same agent. Its tools that may have effects need an approval, and so do those of its sub-agents. */
function agentWithApproval(agent: Agent, options: ApprovalOptions): Agent {
  const { tools } = agent
  if (tools === undefined) return agent
  // Not before the agent runs: a sub-agent may have itself as a tool.
  return {
    ...agent,
    tools: async (context) =>
      toolsWithApproval(typeof tools === 'function' ? await tools(context) : tools, options),
  }
}

/**
 * Returns the same tools. Those that may have effects need an approval. A sub-agent is a task, so its own tools
 * can ask, and each of them that may have effects does.
 */
export function toolsWithApproval(tools: AgentTools, options: ApprovalOptions): AgentTools {
  return toolEntries(tools).map((entry) => entryWithApproval(entry, options))
}

function entryWithApproval(entry: ToolEntry, options: ApprovalOptions): ToolEntry {
  if (!isNamedTool(entry)) return toolSetWithApproval(entry, options)
  const below = subAgentOf(entry)
  if (below !== undefined) return withSubAgent({ ...entry }, agentWithApproval(below, options))
  const { grants, delegates } = options
  const isHarmless =
    entry.retry === 'safe' || entry.execute === undefined || delegates.has(entry.name)
  if (isHarmless && entry.needsApproval === undefined) return entry
  const own = entry.needsApproval
  const tool: NamedTool = {
    ...entry,
    needsApproval: async (input, context) => {
      if (grants.allows(entry.name, input)) return false
      return typeof own === 'function' ? own(input, context) : (own ?? true)
    },
  }
  return tool
}

/** Tools of the AI SDK do not declare their effects, so each of them needs an approval. */
function toolSetWithApproval(tools: ToolSet, options: ApprovalOptions): ToolSet {
  const { grants } = options
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => {
      if (tool.execute === undefined) return [name, tool]
      const below = subAgentOf(tool)
      if (below !== undefined)
        return [name, withSubAgent({ ...tool }, agentWithApproval(below, options))]
      const own = tool.needsApproval
      // The type of the input is not known here. The input is passed on unchanged.
      const needsApproval: (input: never, context: never) => Promise<boolean> = async (
        input,
        context,
      ) => {
        if (grants.allows(name, input)) return false
        return typeof own === 'function' ? own(input, context) : (own ?? true)
      }
      return [name, { ...tool, needsApproval }]
    }),
  )
}
