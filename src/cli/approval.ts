/**
 * Which tools ask before they run. At a terminal everything that may have an effect does, unless it
 * was allowed: a tool says by its retry class `safe` that it only looks.
 */
import type { ToolSet } from 'ai'

import { textField } from '../ground/fields.ts'
import { isNamedTool, type ToolEntry, toolEntries } from '../tool-list.ts'
import type { AgentTools, NamedTool } from '../tool.ts'
import { isUnder, prefixOf } from './command-prefix.ts'

/** Tools that need not ask any more, and commands that need not. */
export class Grants {
  readonly #isEverything: boolean
  readonly #names: Set<string>
  /** By the name of the tool that runs them. */
  readonly #prefixes = new Map<string, Set<string>>()
  readonly #commands = new Map<string, Set<string>>()

  /** @param names of tools; `bash(git log)` allows only commands that begin so */
  constructor({ everything, names }: { everything: boolean; names: readonly string[] }) {
    this.#isEverything = everything
    this.#names = new Set(names)
    for (const name of names) {
      const [, tool, prefix] = /^([\w-]+)\((.+)\)$/s.exec(name) ?? []
      if (tool !== undefined && prefix !== undefined) this.#addPrefix(tool, prefix)
    }
  }

  allows(toolName: string, input: unknown): boolean {
    if (this.#isEverything || this.#names.has(toolName)) return true
    const command = textField(input, 'command')
    if (command === undefined) return false
    if (this.#commands.get(toolName)?.has(command) === true) return true
    const prefixes = this.#prefixes.get(toolName) ?? new Set()
    return [...prefixes].some((prefix) => isUnder(command, prefix))
  }

  /** Allows what is like this call: commands of its prefix, or every call of a tool that runs none. */
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

export interface AskOptions {
  grants: Grants
  /** Sub-agents: what they do is decided by their own tools. */
  delegates: ReadonlySet<string>
}

/** The same tools; those with effects ask. */
export function askingTools(tools: AgentTools, options: AskOptions): AgentTools {
  return toolEntries(tools).map((entry) => askingEntry(entry, options))
}

function askingEntry(entry: ToolEntry, options: AskOptions): ToolEntry {
  if (!isNamedTool(entry)) return askingSet(entry, options)
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

/** Tools of the AI SDK say nothing of effects, so they may have some. */
function askingSet(tools: ToolSet, { grants }: AskOptions): ToolSet {
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => {
      if (tool.execute === undefined) return [name, tool]
      const own = tool.needsApproval
      // Its input is its own business, and handed on as it is.
      const asks: (input: never, context: never) => Promise<boolean> = async (input, context) => {
        if (grants.allows(name, input)) return false
        return typeof own === 'function' ? own(input, context) : (own ?? true)
      }
      return [name, { ...tool, needsApproval: asks }]
    }),
  )
}
