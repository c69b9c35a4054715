/** One connection to an MCP server, from its handshake to its end. Another takes its place after it. */
import { createMCPClient, type ListToolsResult, type MCPClient } from '@ai-sdk/mcp'

import { errorMessage } from '../error.ts'
import type { HttpMcpServer, McpServer, StdioMcpServer } from './server-options.ts'
import { StdioTransport } from './stdio-transport.ts'
import { wholeToolsResponse } from './tool-list.ts'

export type McpToolDefinition = ListToolsResult['tools'][number]

export interface Connection {
  client: MCPClient
  /** False once the server is known to be gone. */
  isOpen: () => boolean
  close: () => Promise<void>
}

export interface ConnectionOptions {
  connectMs: number
  /** What a stdio server is told beside its own `env`. */
  variables: Readonly<Record<string, string>>
  onToolsChanged: () => void
}

/** So long may a server that seems to be gone take to show that it is not. */
const healthMs = 5000
const farewellMs = 2000
const pagesMax = 100

const isStdio = (server: McpServer): server is StdioMcpServer & McpServer => 'command' in server

/** @throws Error that says what kept the server from being reached. */
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
    const said = transport.lastWords
    throw new Error(said === '' ? problem : `${problem}: ${said}`, { cause })
  }
}

async function connectHttp(
  { url, headers }: HttpMcpServer,
  { connectMs }: ConnectionOptions,
): Promise<Connection> {
  const watch = new Watch()
  const client = await createMCPClient({
    transport: {
      type: 'http',
      url,
      ...(headers !== undefined && { headers: { ...headers } }),
      fetch: serverFetch,
    },
    clientName: 'loom',
    initializationOptions: { timeout: connectMs },
    onUncaughtError: (problem) => watch.heard(problem),
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
 * A broken stream is told to the client, and not to the call that waits for its answer. Where the
 * server is gone with it, closing ends the call; where it was another stream, nothing is lost.
 */
class Watch {
  client: MCPClient | undefined
  isOpen = true
  #isChecking = false

  heard(problem: unknown): void {
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
    const isThere = await answers(client)
    this.#isChecking = false
    if (!isThere) await this.close()
  }
}

const answers = (client: MCPClient): Promise<boolean> =>
  client.listTools({ options: { timeout: healthMs } }).then(
    () => true,
    () => false,
  )

/** Saying good-bye to a server that does not answer has an end too; lists of tools are read liberally. */
const serverFetch: typeof fetch = async (url, init) => {
  if (init?.method === 'DELETE') {
    return fetch(url, { ...init, signal: AbortSignal.timeout(farewellMs) })
  }
  const response = await fetch(url, init)
  const isList = typeof init?.body === 'string' && init.body.includes('"tools/list"')
  return isList ? wholeToolsResponse(response) : response
}

/** All tools of a server, page by page. */
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

/** "fetch failed" alone helps nobody. */
export function causesOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {}
  return cause instanceof Error ? `${errorMessage(error)}: ${causesOf(cause)}` : errorMessage(error)
}
