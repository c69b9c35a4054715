/** The official clients of MCP: of the revision 2026-07-28, and of 2025-11-25 and earlier. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  type CallToolResult,
  CallToolResultSchema,
  ElicitRequestSchema,
  type ElicitResult,
} from '@modelcontextprotocol/sdk/types.js'
import { onTestFinished } from 'vitest'

/** A question that a client received. */
export interface Asked {
  message: string
  requestedSchema: unknown
}

export interface ClientOptions {
  /** Answers a question. Absent: the client shows no forms. */
  answer?: (question: Asked) => ElicitResult | Promise<ElicitResult>
  headers?: Record<string, string>
  /** Sends each request. */
  fetch?: (url: string | URL, init?: RequestInit) => Promise<Response>
}

export interface CallOptions {
  signal?: AbortSignal
  onprogress?: (progress: { progress: number; message?: string | undefined }) => void
}

/** The part of a client that the tests use. */
export interface McpClient {
  name: string
  version: () => string | undefined
  tools: () => Promise<{ name: string }[]>
  call: (
    name: string,
    args: Record<string, unknown>,
    options?: CallOptions,
  ) => Promise<CallToolResult>
}

type OpenClient = (url: string, options?: ClientOptions) => Promise<McpClient>

const timeout = 60_000
const info = { name: 'test', version: '1' }

/** `@modelcontextprotocol/client` 2, which speaks 2026-07-28. */
const openCurrent: OpenClient = async (url, { answer, headers = {}, fetch } = {}) => {
  const client = new Client(info, {
    capabilities: answer === undefined ? {} : { elicitation: {} },
    versionNegotiation: { mode: 'auto' },
  })
  if (answer !== undefined) {
    client.setRequestHandler('elicitation/create', ({ params }) => answer(askedIn(params)))
  }
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), optionsOf({ headers, fetch })),
  )
  onTestFinished(() => client.close())
  return {
    name: '2026-07-28',
    version: () => client.getNegotiatedProtocolVersion(),
    tools: async () => (await client.listTools()).tools,
    call: async (name, args, options = {}) =>
      CallToolResultSchema.parse(
        await client.callTool(
          { name, arguments: args },
          { timeout, resetTimeoutOnProgress: true, ...options },
        ),
      ),
  }
}

/** `@modelcontextprotocol/sdk` 1, which speaks 2025-11-25 and earlier. */
const openOlder: OpenClient = async (url, { answer, headers = {}, fetch } = {}) => {
  const client = new OlderClient(info, {
    capabilities: answer === undefined ? {} : { elicitation: {} },
  })
  if (answer !== undefined) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(askedIn(params)))
  }
  const transport = new OlderTransport(new URL(`${url}/mcp`), optionsOf({ headers, fetch }))
  await client.connect(transport)
  onTestFinished(() => client.close())
  return {
    name: '2025-11-25',
    version: () => transport.protocolVersion,
    tools: async () => (await client.listTools()).tools,
    call: async (name, args, options = {}) =>
      CallToolResultSchema.parse(
        await client.callTool({ name, arguments: args }, undefined, { timeout, ...options }),
      ),
  }
}

const optionsOf = ({
  headers,
  fetch,
}: {
  headers: Record<string, string>
  fetch: ClientOptions['fetch'] | undefined
}) => ({
  requestInit: { headers },
  ...(fetch !== undefined && { fetch }),
  reconnectionOptions: {
    initialReconnectionDelay: 50,
    maxReconnectionDelay: 500,
    reconnectionDelayGrowFactor: 1.5,
    maxRetries: 20,
  },
})

const askedIn = (params: { message: string; requestedSchema?: unknown }): Asked => ({
  message: params.message,
  requestedSchema: params.requestedSchema,
})

export const openClients: readonly [name: string, open: OpenClient][] = [
  ['2026-07-28', openCurrent],
  ['2025-11-25', openOlder],
]

export const textIn = ({ content }: CallToolResult): string =>
  content.flatMap((block) => (block.type === 'text' ? block.text : [])).at(0) ?? ''

export const sessionIn = ({ _meta: meta }: CallToolResult): string => String(meta?.['loom/session'])
