/** The options of an MCP server, and of the connections to all of them. */
import type { Environment } from '../ground/environment.ts'

/** An MCP server that Loom starts as a child process. */
export interface StdioMcpServer {
  /** The program to start. */
  command: string
  /** The arguments of the program. @defaultValue none */
  args?: readonly string[]
  /**
   * Additional environment variables. Besides these the server receives only harmless variables of Loom's
   * environment, such as `PATH` and `HOME`. @defaultValue none
   */
  env?: Readonly<Record<string, string>>
  /** The working folder of the program. @defaultValue Loom's own working folder */
  cwd?: string
}

/** A running MCP server, reached over Streamable HTTP. */
export interface HttpMcpServer {
  /** The address of the server. */
  url: string
  /** Headers of each request, such as `authorization`. Error texts never hold their values. @defaultValue none */
  headers?: Readonly<Record<string, string>>
}

/**
 * An MCP server that Loom starts (`command`) or connects to (`url`).
 * @example
 * ```ts
 * import type { McpServer } from 'loomkit'
 *
 * const server: McpServer = { name: 'files', command: 'mcp-files', args: ['/srv'] }
 * ```
 */
export type McpServer = {
  /**
   * The name of the server in messages, and the prefix of tool names that are in use. It has 1 to 30
   * letters, digits, `_` or `-`.
   */
  name: string
  /** The time limit of connecting and of listing tools, in milliseconds. @defaultValue 10000 */
  connectMs?: number
  /** The time limit of a call in milliseconds. @defaultValue 120000 */
  callMs?: number
} & (StdioMcpServer | HttpMcpServer)

/**
 * Options of `openMcp`.
 * @example
 * ```ts
 * import { env, stderr } from 'node:process'
 * import type { McpOptions } from 'loomkit'
 *
 * const options: McpOptions = { environment: env, report: (line) => stderr.write(`${line}\n`) }
 * ```
 */
export interface McpOptions {
  /** The environment of this process. Servers receive a few harmless variables of it. */
  environment: Environment
  /**
   * Receives one line at the start and at the end of each outage.
   * @defaultValue writes the line to stderr
   */
  report?: (line: string) => void
}
