/**
 * MCP servers, whose tools an agent has in addition to its own. Loom connects to a server when a run first
 * needs it. A run never fails because a server is unreachable. If Loom never reached a server, `report`
 * receives one line, and one tool in the place of the server's tools tells the model. If a server is gone
 * later, its calls fail as tool errors, and each call tries to connect again.
 */
import type { JSONSchema7 } from '@ai-sdk/provider'
import { jsonSchema } from 'ai'

import type { Environment } from './ground/environment.ts'
import { LoomError } from './ground/error.ts'
import { fieldsOf } from './ground/fields.ts'
import { harmlessVariables } from './machine/command/variables.ts'
import { failureText, storedResult, modelOutputOf } from './mcp/answer.ts'
import type { McpToolDefinition } from './mcp/connection.ts'
import { freeName } from './mcp/names.ts'
import type { McpServer } from './mcp/server-options.ts'
import { ServerLink } from './mcp/server.ts'
import { createRedact } from './model/redact.ts'
import { toolEntries, toolNames } from './tool-list.ts'
import type { AgentTools, NamedTool } from './tool.ts'

/**
 * Options of `openMcp`.
 * @example
 * ```ts
 * import { env, stderr } from 'node:process'
 * import type { McpOptions } from 'loom'
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

/**
 * Connections to MCP servers. They open when their tools are first needed, and `close` ends them.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { defineAgent, type Mcp, openMcp } from 'loom'
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
  /** Closes all connections, and ends the servers that Loom started. */
  close: () => Promise<void>
}

const namePattern = /^[a-zA-Z0-9_-]{1,30}$/

/**
 * Returns connections to MCP servers. It connects to none yet.
 * @throws LoomError `invalid-config` for an invalid or duplicate server name.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { openMcp } from 'loom'
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
  const toolLists = servers.map((server) => new ServerTools(server, options))
  const all = async (taken: Iterable<string>, list: (server: ServerTools) => ToolList) => {
    const lists = await Promise.all(toolLists.map(list))
    const used = new Set(taken)
    return lists.flatMap((list, index) => list.map((tool) => tool.named(names[index] ?? '', used)))
  }
  const tools = (taken: Iterable<string> = []) => all(taken, (server) => server.list())
  const forAgent = (own: AgentTools) => all(toolNames(own), (server) => server.listOrConnect())
  const close = async () => {
    await Promise.all(toolLists.map((server) => server.close()))
  }
  return {
    tools,
    beside: (own) => async () => [...toolEntries(own), ...(await forAgent(own))],
    close,
    [Symbol.asyncDispose]: close,
  }
}

const toStderr = (line: string): void => void process.stderr.write(`loom: ${line}\n`)

/** The tools of one server. A tool's object stays the same while its definition does, since it is slow to prepare. */
type ToolList = Promise<readonly ServerTool[]>

class ServerTools {
  readonly #link: ServerLink
  #known = new Map<string, ServerTool>()
  /** The tool in the place of the server's tools until the first connection. */
  #connectTool: { problem: string; tool: ServerTool } | undefined

  constructor(server: McpServer, { environment, report = toStderr }: McpOptions) {
    const secrets = 'headers' in server ? Object.values(server.headers ?? {}) : []
    this.#link = new ServerLink(server, {
      connectMs: server.connectMs ?? 10_000,
      callMs: server.callMs ?? 120_000,
      variables: harmlessVariables(environment),
      redact: createRedact(secrets.flatMap((secret) => [secret, ...secret.split(' ')])),
      report,
    })
  }

  /** Returns the tools; before the first connection, one tool that reports the problem. */
  async listOrConnect(): Promise<ServerTool[]> {
    const tools = await this.list()
    const { unreached } = this.#link
    return unreached === undefined ? tools : [this.#connectToolFor(unreached)]
  }

  async list(): Promise<ServerTool[]> {
    const definitions = await this.#link.tools()
    const known = new Map<string, ServerTool>()
    for (const definition of definitions) {
      const key = JSON.stringify(definition)
      known.set(key, this.#known.get(key) ?? this.#toolOf(definition))
    }
    this.#known = known
    return [...known.values()]
  }

  #connectToolFor(problem: string): ServerTool {
    if (this.#connectTool?.problem !== problem) {
      const make = (name: string) => connectTool(name, this.#link, problem)
      this.#connectTool = {
        problem,
        tool: new ServerTool(`${this.#link.server.name}_connect`, make),
      }
    }
    return this.#connectTool.tool
  }

  #toolOf(definition: McpToolDefinition): ServerTool {
    return new ServerTool(definition.name, (name) => toolOf(name, definition, this.#link))
  }

  close(): Promise<void> {
    return this.#link.close()
  }
}

class ServerTool {
  readonly #name: string
  readonly #make: (name: string) => NamedTool
  #tool: NamedTool | undefined

  /** @param name the server's own name of the tool */
  constructor(name: string, make: (name: string) => NamedTool) {
    this.#name = name
    this.#make = make
  }

  /** Returns the tool under an unused name, and adds that name to `used`. */
  named(serverName: string, used: Set<string>): NamedTool {
    const name = freeName(this.#name, serverName, used)
    used.add(name)
    if (this.#tool?.name !== name) this.#tool = this.#make(name)
    return this.#tool
  }
}

/**
 * Returns the tool in the place of the tools of an unreachable server. Without it the model would answer
 * that the server does not exist.
 */
function connectTool(name: string, link: ServerLink, problem: string): NamedTool {
  const { name: server, connectMs = 10_000 } = link.server
  return {
    name,
    title: `Connect to ${server}`,
    description: `${problem.replace(/\.$/, '')}. So the tools of this server are missing. Call this tool to try again.`,
    inputSchema: jsonSchema({ type: 'object', properties: {} }),
    retry: 'safe',
    timeoutMs: 2 * connectMs + 5000,
    execute: async () => {
      const names = (await link.retry()).map((tool) => tool.name)
      return `MCP server "${server}" is there now. From the next message on these are tools: ${names.join(', ')}`
    },
  }
}

function toolOf(name: string, definition: McpToolDefinition, link: ServerLink): NamedTool {
  const { title, description, inputSchema, annotations } = definition
  const isRepeatable = annotations?.readOnlyHint === true || annotations?.idempotentHint === true
  const callMs = link.server.callMs ?? 120_000
  const schema: unknown = { ...inputSchema, properties: inputSchema.properties ?? {} }
  const tool = {
    // Clients have no static types for this tool.
    type: 'dynamic',
    name,
    title: title ?? annotations?.title ?? definition.name,
    description: description ?? '',
    inputSchema: jsonSchema(isSchema(schema) ? schema : { type: 'object' }),
    retry: isRepeatable ? 'safe' : 'never',
    // Includes the time to connect. Longer than the link's own limits, whose messages are clearer.
    timeoutMs: callMs + 2 * (link.server.connectMs ?? 10_000) + 5000,
    toModelOutput: ({ output }: { output: unknown }) => modelOutputOf(output),
    execute: async (input: unknown, { signal }: { signal: AbortSignal }) => {
      const result = await link.call(definition.name, fieldsOf(input), signal)
      if (result.isError === true) throw new Error(failureText(result))
      return storedResult(result)
    },
  } satisfies NamedTool & { type: 'dynamic' }
  return tool
}

/** By the protocol the value is a schema. The provider or the server reports an invalid one. */
const isSchema = (schema: unknown): schema is JSONSchema7 =>
  typeof schema === 'object' && schema !== null
