/**
 * MCP servers, whose tools an agent has in addition to its own. Loom connects to a server when a run first
 * needs it. A run never fails because a server is unreachable. If Loom never reached a server, `report`
 * receives one line, and one tool in the place of the server's tools tells the model. If a server is gone
 * later, its calls fail as tool errors, and each call tries to connect again.
 */
import { LoomError } from './ground/error.ts'
import type { McpOptions, McpServer } from './mcp/server-options.ts'
import type { ServerTool, ServerTools } from './mcp/server-tools.ts'
import { toolEntries, toolNames } from './tool-list.ts'
import type { AgentTools, NamedTool } from './tool.ts'

/**
 * Connections to MCP servers. They open when their tools are first needed, and `close` ends them.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { defineAgent, type Mcp, openMcp } from 'loomkit'
 *
 * const mcp: Mcp = openMcp([{ name: 'docs', url: 'https://example.com/mcp' }], { environment: env })
 * const agent = defineAgent({ name: 'reader', systemPrompt: 'Answer briefly.', tools: mcp.beside([]) })
 * ```
 */
export interface Mcp extends AsyncDisposable {
  /**
   * Returns a value for an agent's `tools`: the agent's own tools, followed by those of the servers. For a
   * server that was never reached it holds one tool, `<name>_connect`, which reports the problem to the
   * model and tries again.
   */
  beside: (own: AgentTools) => () => Promise<AgentTools>
  /**
   * Returns the servers' tools.
   * @param taken names in use. A tool with such a name gets its server's name as a prefix.
   */
  tools: (taken?: Iterable<string>) => Promise<NamedTool[]>
  /**
   * Returns the servers' tools as `beside` does: for a server that was never reached, the tool
   * `<name>_connect`. This tool has `needsApproval: false`, and a server's tool has no `needsApproval`.
   * @param taken names in use. A tool with such a name gets its server's name as a prefix.
   */
  toolsOrConnect: (taken?: Iterable<string>) => Promise<NamedTool[]>
  /** Closes all connections, and ends the servers that Loom started. */
  close: () => Promise<void>
}

type ToolList = Promise<readonly ServerTool[]>

const namePattern = /^[a-zA-Z0-9_-]{1,30}$/

/**
 * Returns connections to MCP servers. It connects to none yet.
 * @throws LoomError `invalid-config` for an invalid or duplicate server name.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { openMcp } from 'loomkit'
 *
 * const mcp = openMcp([{ name: 'files', command: 'mcp-files', args: ['/srv'] }], { environment: env })
 * ```
 */
export function openMcp(servers: readonly McpServer[], options: McpOptions): Mcp {
  const names = servers.map(({ name }) => name)
  const bad = names.find((name, index) => !namePattern.test(name) || names.indexOf(name) < index)
  if (bad !== undefined) {
    const rule = 'must be 1 to 30 letters, digits, "_" or "-", and different from the others'
    throw new LoomError('invalid-config', `MCP server name "${bad}" ${rule}.`)
  }
  // The client takes longer to load than all of Loom, and an agent may never run.
  let loading: Promise<ServerTools[]> | undefined
  let isClosed = false
  const load = async () => {
    const { ServerTools } = await import('./mcp/server-tools.ts')
    const toolLists = servers.map((server) => new ServerTools(server, options))
    if (isClosed) await Promise.all(toolLists.map((server) => server.close()))
    return toolLists
  }
  const all = async (taken: Iterable<string>, list: (server: ServerTools) => ToolList) => {
    const lists = await Promise.all((await (loading ??= load())).map(list))
    const used = new Set(taken)
    return lists.flatMap((list, index) => list.map((tool) => tool.named(names[index] ?? '', used)))
  }
  const tools = (taken: Iterable<string> = []) => all(taken, (server) => server.list())
  const toolsOrConnect = (taken: Iterable<string> = []) =>
    all(taken, (server) => server.listOrConnect())
  const close = async () => {
    isClosed = true
    const toolLists = (await loading) ?? []
    await Promise.all(toolLists.map((server) => server.close()))
  }
  return {
    tools,
    toolsOrConnect,
    beside: (own) => async () => [...toolEntries(own), ...(await toolsOrConnect(toolNames(own)))],
    close,
    [Symbol.asyncDispose]: close,
  }
}
