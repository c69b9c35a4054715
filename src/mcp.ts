/**
 * MCP servers, whose tools an agent has beside its own. A server is connected when a run first needs it.
 * A run never fails for want of one: where it was never reached its tools are absent, and `report` says
 * so once; where it is gone for now its calls fail as tool errors, and each tries to reach it again.
 */
import type { JSONSchema7 } from '@ai-sdk/provider'
import { jsonSchema, type ToolSet } from 'ai'

import { harmlessVariables } from './command/variables.ts'
import type { Environment } from './config.ts'
import { LoomError } from './error.ts'
import { failureText, keptAnswer, modelOutputOf } from './mcp/answer.ts'
import type { McpToolDefinition } from './mcp/connection.ts'
import { freeName } from './mcp/names.ts'
import { ServerLink } from './mcp/server.ts'
import { createRedact } from './model/redact.ts'
import type { AgentTools, NamedTool } from './tool.ts'

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

export interface McpOptions {
  /** Of this process. */
  environment: Environment
  /** Is told of each outage, and of its end. @defaultValue nobody is */
  report?: (line: string) => void
}

/** Connections to MCP servers: opened when their tools are first wanted, closed with `close`. */
export interface Mcp extends AsyncDisposable {
  /** What an agent's `tools` may be: its own, and behind them those of the servers. */
  beside: (own: AgentTools) => () => Promise<AgentTools>
  /** The servers' tools. One whose name is taken has its server's name before it. */
  tools: (taken?: Iterable<string>) => Promise<NamedTool[]>
  close: () => Promise<void>
}

const namePattern = /^[a-zA-Z0-9_-]{1,30}$/

/** @throws LoomError `invalid-config` for a bad or double name. */
export function openMcp(servers: readonly McpServer[], options: McpOptions): Mcp {
  const names = servers.map(({ name }) => name)
  const bad = names.find((name, index) => !namePattern.test(name) || names.indexOf(name) < index)
  if (bad !== undefined) {
    const rule = 'must be 1 to 30 letters, digits, "_" or "-", and different from the others'
    throw new LoomError('invalid-config', `MCP server name "${bad}" ${rule}.`)
  }
  const offered = servers.map((server) => new OfferedTools(server, options))
  const tools = async (taken: Iterable<string> = []) => {
    const lists = await Promise.all(offered.map((server) => server.list()))
    const used = new Set(taken)
    return lists.flatMap((list, index) => list.map((tool) => tool.named(names[index] ?? '', used)))
  }
  const close = async () => {
    await Promise.all(offered.map((server) => server.close()))
  }
  return {
    tools,
    beside: (own) => async () => [...listOf(own), ...(await tools(namesIn(own)))],
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The tools of one server. An object stays the same while its definition does: it is costly to ready. */
class OfferedTools {
  readonly #link: ServerLink
  #known = new Map<string, OfferedTool>()

  constructor(server: McpServer, { environment, report = () => undefined }: McpOptions) {
    const secrets = 'headers' in server ? Object.values(server.headers ?? {}) : []
    this.#link = new ServerLink(server, {
      connectMs: server.connectMs ?? 10_000,
      callMs: server.callMs ?? 120_000,
      variables: harmlessVariables(environment),
      redact: createRedact(secrets.flatMap((secret) => [secret, ...secret.split(' ')])),
      report,
    })
  }

  async list(): Promise<OfferedTool[]> {
    const definitions = await this.#link.tools()
    const known = new Map<string, OfferedTool>()
    for (const definition of definitions) {
      const key = JSON.stringify(definition)
      known.set(key, this.#known.get(key) ?? new OfferedTool(definition, this.#link))
    }
    this.#known = known
    return [...known.values()]
  }

  close(): Promise<void> {
    return this.#link.close()
  }
}

class OfferedTool {
  readonly #definition: McpToolDefinition
  readonly #link: ServerLink
  #tool: NamedTool | undefined

  constructor(definition: McpToolDefinition, link: ServerLink) {
    this.#definition = definition
    this.#link = link
  }

  /** Takes a name that is not used, and adds it to those. */
  named(serverName: string, used: Set<string>): NamedTool {
    const name = freeName(this.#definition.name, serverName, used)
    used.add(name)
    if (this.#tool?.name !== name) this.#tool = toolOf(name, this.#definition, this.#link)
    return this.#tool
  }
}

function toolOf(name: string, definition: McpToolDefinition, link: ServerLink): NamedTool {
  const { title, description, inputSchema, annotations } = definition
  const isRepeatable = annotations?.readOnlyHint === true || annotations?.idempotentHint === true
  const callMs = link.server.callMs ?? 120_000
  const schema: unknown = { ...inputSchema, properties: inputSchema.properties ?? {} }
  const tool = {
    // A client cannot know its types.
    type: 'dynamic',
    name,
    title: title ?? annotations?.title ?? definition.name,
    description: description ?? '',
    inputSchema: jsonSchema(isSchema(schema) ? schema : { type: 'object' }),
    retry: isRepeatable ? 'safe' : 'never',
    // Connecting comes before the call. Their own limits are told better.
    timeoutMs: callMs + 2 * (link.server.connectMs ?? 10_000) + 5000,
    toModelOutput: ({ output }: { output: unknown }) => modelOutputOf(output),
    execute: async (input: unknown, { signal }: { signal: AbortSignal }) => {
      const result = await link.call(definition.name, recordOf(input), signal)
      if (result.isError === true) throw new Error(failureText(result))
      return keptAnswer(result)
    },
  } satisfies NamedTool & { type: 'dynamic' }
  return tool
}

/** By the protocol it is one; what is wrong with it the provider or the server will find. */
const isSchema = (schema: unknown): schema is JSONSchema7 =>
  typeof schema === 'object' && schema !== null

const recordOf = (input: unknown): Record<string, unknown> =>
  typeof input === 'object' && input !== null ? Object.fromEntries(Object.entries(input)) : {}

const isList = (tools: AgentTools): tools is readonly (NamedTool | ToolSet)[] =>
  Array.isArray(tools)

const listOf = (tools: AgentTools): readonly (NamedTool | ToolSet)[] =>
  isList(tools) ? tools : [tools]

const namesIn = (tools: AgentTools): string[] =>
  listOf(tools).flatMap((entry) =>
    typeof entry.name === 'string' ? [entry.name] : Object.keys(entry),
  )
