/** One connection to an MCP server, from its handshake to its end. `server.ts` opens the next one. */
import { createMCPClient, type ListToolsResult, type MCPClient } from '@ai-sdk/mcp'

import { errorMessage } from '../ground/error.ts'
import { fieldsOf } from '../ground/fields.ts'
import { repairResponse, type RepairedMethod } from './repair.ts'
import type { HttpMcpServer, McpServer, StdioMcpServer } from './server-options.ts'
import { StdioTransport } from './stdio-transport.ts'

export type McpToolDefinition = ListToolsResult['tools'][number]

export interface Connection {
  client: MCPClient
  /** Returns false after the connection has detected that the server is gone. */
  isOpen: () => boolean
  close: () => Promise<void>
}

export interface ConnectionOptions {
  connectMs: number
  /** Environment variables of a stdio server, in addition to its own `env`. */
  variables: Readonly<Record<string, string>>
  onToolsChanged: () => void
}

/** The time limit of the check whether a server is gone. */
const healthMs = 5000
/** The time limit of the request that ends a session. */
const deleteMs = 2000
const pagesMax = 100

const isStdio = (server: McpServer): server is StdioMcpServer & McpServer => 'command' in server

/**
 * Connects to a server.
 * @throws Error with the reason why the server cannot be reached.
 */
export function connect(server: McpServer, options: ConnectionOptions): Promise<Connection> {
  return isStdio(server) ? connectStdio(server, options) : connectHttp(server, options)
}

async function connectStdio(
  { command, args = [], env = {}, cwd }: StdioMcpServer,
  { connectMs, variables, onToolsChanged }: ConnectionOptions,
): Promise<Connection> {
  const transport = new StdioTransport({
    command,
    args,
    variables: { ...variables, ...env },
    cwd,
  })
  transport.onToolsChanged = onToolsChanged
  try {
    const client = await createMCPClient({
      transport,
      clientName: 'loom',
      initializationOptions: { timeout: connectMs },
    })
    return {
      client,
      isOpen: () => transport.isOpen,
      close: async () => {
        await client.close()
        await transport.close()
      },
    }
  } catch (cause) {
    await transport.close()
    const message = errorMessage(cause)
    const problem = /closed/i.test(message) ? 'it has ended' : message
    const { errorOutput } = transport
    throw new Error(errorOutput === '' ? problem : `${problem}: ${errorOutput}`, { cause })
  }
}

async function connectHttp(
  { url, headers }: HttpMcpServer,
  { connectMs }: ConnectionOptions,
): Promise<Connection> {
  const watch = new StreamWatch()
  const client = await createMCPClient({
    transport: {
      type: 'http',
      url,
      ...(headers !== undefined && { headers: { ...headers } }),
      fetch: serverFetch,
    },
    clientName: 'loom',
    initializationOptions: { timeout: connectMs },
    onUncaughtError: (problem) => watch.onProblem(problem),
  }).catch((cause: unknown) => {
    throw new Error(causesOf(cause), { cause })
  })
  watch.client = client
  return {
    client,
    isOpen: () => watch.isOpen,
    close: () => watch.close(),
  }
}

/**
 * Watches for broken streams. The MCP client reports a broken stream only to itself, and not to the call
 * that waits for an answer. This class then checks whether the server still answers. If not, it closes the
 * client, which ends the call. If it does, another stream broke, and the call continues.
 */
class StreamWatch {
  client: MCPClient | undefined
  isOpen = true
  #isChecking = false

  onProblem(problem: unknown): void {
    const { client } = this
    if (!(problem instanceof TypeError) || client === undefined) return
    if (this.#isChecking || !this.isOpen) return
    this.#isChecking = true
    this.#check(client).catch(() => undefined)
  }

  async close(): Promise<void> {
    this.isOpen = false
    await this.client?.close()
  }

  async #check(client: MCPClient): Promise<void> {
    const isAlive = await isServerAlive(client)
    this.#isChecking = false
    if (!isAlive) await this.close()
  }
}

const isServerAlive = (client: MCPClient): Promise<boolean> =>
  client.listTools({ options: { timeout: healthMs } }).then(
    () => true,
    () => false,
  )

/**
 * A `fetch` for the MCP client. It gives the DELETE request of a session a time limit, and repairs lists of
 * tools.
 */
const serverFetch: typeof fetch = async (url, init) => {
  if (init?.method === 'DELETE') {
    return fetch(url, { ...init, signal: AbortSignal.timeout(deleteMs) })
  }
  const response = await fetch(url, init)
  const method = methodIn(init?.body)
  return method === undefined ? response : repairResponse(response, method)
}

function methodIn(body: unknown): RepairedMethod | undefined {
  if (typeof body !== 'string') return undefined
  const { method } = fieldsOf(JSON.parse(body))
  return method === 'tools/list' || method === 'tools/call' ? method : undefined
}

/** Returns all tools of a server, page by page. */
export async function listTools(
  { client }: Connection,
  timeout: number,
): Promise<McpToolDefinition[]> {
  const tools: McpToolDefinition[] = []
  let cursor: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const params = cursor === undefined ? {} : { params: { cursor } }
    const result = await client.listTools({ ...params, options: { timeout } })
    tools.push(...result.tools)
    cursor = result.nextCursor
    if (cursor === undefined) break
  }
  return tools
}

/** Joins the messages of an error and its causes: "fetch failed" alone does not name the reason. */
export function causesOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {}
  return cause instanceof Error ? `${errorMessage(error)}: ${causesOf(cause)}` : errorMessage(error)
}
