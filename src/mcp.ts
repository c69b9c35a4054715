/**
 * MCP servers, whose tools an agent has beside its own. A server is connected when a run first needs it.
 * A run never fails for want of one: where it was never reached, `report` says so once, and one tool in
 * the place of its own says so to the model; where it is gone for now its calls fail as tool errors, and
 * each tries to reach it again.
 */
import type { JSONSchema7 } from '@ai-sdk/provider'
import { jsonSchema } from 'ai'

import { harmlessVariables } from './command/variables.ts'
import type { Environment } from './environment.ts'
import { LoomError } from './error.ts'
import { fieldsOf } from './fields.ts'
import { failureText, keptAnswer, modelOutputOf } from './mcp/answer.ts'
import type { McpToolDefinition } from './mcp/connection.ts'
import { freeName } from './mcp/names.ts'
import type { McpServer } from './mcp/server-options.ts'
import { ServerLink } from './mcp/server.ts'
import { createRedact } from './model/redact.ts'
import { toolEntries, toolNames } from './tool-list.ts'
import type { AgentTools, NamedTool } from './tool.ts'

export interface McpOptions {
  /** Of this process. */
  environment: Environment
  /** Receives one line for each outage, and for its end. @defaultValue writes it to stderr */
  report?: (line: string) => void
}

/** Connections to MCP servers: opened when their tools are first wanted, closed with `close`. */
export interface Mcp extends AsyncDisposable {
  /**
   * What an agent's `tools` may be: its own, and behind them those of the servers. A server that was
   * never reached has one tool there, `<name>_connect`, which says so to the model and tries again.
   */
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
  const all = async (taken: Iterable<string>, list: (server: OfferedTools) => Offered) => {
    const lists = await Promise.all(offered.map(list))
    const used = new Set(taken)
    return lists.flatMap((list, index) => list.map((tool) => tool.named(names[index] ?? '', used)))
  }
  const tools = (taken: Iterable<string> = []) => all(taken, (server) => server.list())
  const forAgent = (own: AgentTools) => all(toolNames(own), (server) => server.listOrAbsence())
  const close = async () => {
    await Promise.all(offered.map((server) => server.close()))
  }
  return {
    tools,
    beside: (own) => async () => [...toolEntries(own), ...(await forAgent(own))],
    close,
    [Symbol.asyncDispose]: close,
  }
}

const toStderr = (line: string): void => void process.stderr.write(`loom: ${line}\n`)

/** The tools of one server. An object stays the same while its definition does: it is costly to ready. */
type Offered = Promise<readonly OfferedTool[]>

class OfferedTools {
  readonly #link: ServerLink
  #known = new Map<string, OfferedTool>()
  /** What stands for the tools while the server has never been reached. */
  #absent: { problem: string; tool: OfferedTool } | undefined

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

  /** The tools; where the server has never been reached, one that says so. */
  async listOrAbsence(): Promise<OfferedTool[]> {
    const tools = await this.list()
    const { unreached } = this.#link
    return unreached === undefined ? tools : [this.#absence(unreached)]
  }

  async list(): Promise<OfferedTool[]> {
    const definitions = await this.#link.tools()
    const known = new Map<string, OfferedTool>()
    for (const definition of definitions) {
      const key = JSON.stringify(definition)
      known.set(key, this.#known.get(key) ?? this.#offer(definition))
    }
    this.#known = known
    return [...known.values()]
  }

  #absence(problem: string): OfferedTool {
    if (this.#absent?.problem !== problem) {
      const make = (name: string) => absenceTool(name, this.#link, problem)
      this.#absent = { problem, tool: new OfferedTool(`${this.#link.server.name}_connect`, make) }
    }
    return this.#absent.tool
  }

  #offer(definition: McpToolDefinition): OfferedTool {
    return new OfferedTool(definition.name, (name) => toolOf(name, definition, this.#link))
  }

  close(): Promise<void> {
    return this.#link.close()
  }
}

class OfferedTool {
  readonly #name: string
  readonly #make: (name: string) => NamedTool
  #tool: NamedTool | undefined

  /** @param name the server's own for it */
  constructor(name: string, make: (name: string) => NamedTool) {
    this.#name = name
    this.#make = make
  }

  /** Takes a name that is not used, and adds it to those. */
  named(serverName: string, used: Set<string>): NamedTool {
    const name = freeName(this.#name, serverName, used)
    used.add(name)
    if (this.#tool?.name !== name) this.#tool = this.#make(name)
    return this.#tool
  }
}

/**
 * Stands where the tools of a server would be that was never reached. Without it the model knows
 * nothing of the server, and says that there is no such thing when it is asked for it.
 */
function absenceTool(name: string, link: ServerLink, problem: string): NamedTool {
  const { name: server, connectMs = 10_000 } = link.server
  return {
    name,
    title: `Connect to ${server}`,
    description: `${problem.replace(/\.$/, '')}. So the tools of this server are missing. Call this to try again.`,
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
      const result = await link.call(definition.name, fieldsOf(input), signal)
      if (result.isError === true) throw new Error(failureText(result))
      return keptAnswer(result)
    },
  } satisfies NamedTool & { type: 'dynamic' }
  return tool
}

/** By the protocol it is one; what is wrong with it the provider or the server will find. */
const isSchema = (schema: unknown): schema is JSONSchema7 =>
  typeof schema === 'object' && schema !== null
