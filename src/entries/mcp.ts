/** The exports of `loomkit/mcp`: the tools of MCP servers. */
import '../ground/node-version.ts'

export { type Mcp, openMcp } from '../mcp.ts'
export type { McpOptions, McpServer } from '../mcp/server-options.ts'
