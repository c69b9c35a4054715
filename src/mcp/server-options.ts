/** How an MCP server is reached. */

/** A server that Loom starts. */
export interface StdioMcpServer {
  command: string
  /** @defaultValue none */
  args?: readonly string[]
  /** Beside `PATH`, `HOME` and their like; nothing else of Loom's environment is passed on. */
  env?: Readonly<Record<string, string>>
  cwd?: string
}

/** A server that is there already, over Streamable HTTP. */
export interface HttpMcpServer {
  url: string
  /** Such as `authorization`. Struck out of every error. */
  headers?: Readonly<Record<string, string>>
}

/** A server to start (`command`) or to connect to (`url`). */
export type McpServer = {
  /** For people, and before the names of tools that would clash: letters, digits, `_` and `-`. */
  name: string
  /** The longest that connecting may take, and listing tools. @defaultValue 10000 */
  connectMs?: number
  /** The longest that a call may take. @defaultValue 120000 */
  callMs?: number
} & (StdioMcpServer | HttpMcpServer)
