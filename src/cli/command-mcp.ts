/** MCP servers beside the agent of the command. Each of their tools asks, whatever its server says of it. */
import type { Mcp } from '../mcp.ts'
import { toolEntries, toolNames } from '../tool-list.ts'
import type { AgentTools, NamedTool } from '../tool.ts'
import type { CommandWorld } from './app.ts'
import type { ChatFlags } from './chat-options.ts'
import { mcpServers } from './mcp-servers.ts'
import { plain } from './render/plain.ts'

/** Undefined where no server is configured. @throws LoomError `invalid-config` */
export async function commandMcp(
  { program }: CommandWorld,
  { flags, directory }: { flags: ChatFlags; directory: string },
): Promise<Mcp | undefined> {
  const { env: environment, stderr } = program
  const servers = await mcpServers({ named: flags.mcp ?? [], environment, directory })
  if (servers.length === 0) return undefined
  const { openMcp } = await import('../mcp.ts')
  const report = (line: string) => {
    if (flags.quiet !== true) stderr.write(`loom: ${plain(line)}\n`)
  }
  return openMcp(servers, { environment, report })
}

/**
 * Returns the agent's tools and those of the servers. Each tool of a server asks, even if the server declares
 * that the tool only reads. Loom's own tool `<name>_connect`, in the place of an unreachable server, does not.
 */
export async function askingBeside(mcp: Mcp, own: AgentTools): Promise<AgentTools> {
  const theirs = await mcp.toolsOrConnect(toolNames(own))
  return [
    ...toolEntries(own),
    ...theirs.map((tool): NamedTool => ({ ...tool, needsApproval: tool.needsApproval ?? true })),
  ]
}
