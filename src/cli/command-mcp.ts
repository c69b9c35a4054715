/**
 * MCP servers of the command. Each of their tools needs an approval, also if its server declares it harmless.
 */
import type { Mcp } from '../mcp.ts'
import { toolEntries, toolNames } from '../tool-list.ts'
import type { AgentTools, NamedTool } from '../tool.ts'
import type { CommandWorld } from './app.ts'
import type { ChatFlags } from './chat-options.ts'
import { mcpServers } from './mcp-servers.ts'
import { plain } from './render/plain.ts'

/** Returns undefined if no server is configured. @throws LoomError `invalid-config` */
export async function commandMcp(
  { program }: CommandWorld,
  { flags, directory }: { flags: ChatFlags; directory: string },
): Promise<Mcp | undefined> {
  const { env: environment, stderr } = program
  const report = (line: string) => {
    if (flags.quiet !== true) stderr.write(`loom: ${plain(line)}\n`)
  }
  const servers = await mcpServers({ named: flags.mcp ?? [], environment, directory, report })
  if (servers.length === 0) return undefined
  const { openMcp } = await import('../mcp.ts')
  return openMcp(servers, { environment, report })
}

/**
 * Returns the tools of the agent and those of the servers. A server may declare that a tool only
 * reads. That declaration does not replace the approval of the user. The tool `<name>_connect` of
 * Loom, in the place of an unreachable server, needs no approval.
 */
export async function withMcpTools(mcp: Mcp, own: AgentTools): Promise<AgentTools> {
  const theirs = await mcp.toolsOrConnect(toolNames(own))
  return [
    ...toolEntries(own),
    ...theirs.map((tool): NamedTool => ({ ...tool, needsApproval: tool.needsApproval ?? true })),
  ]
}
