/** The tools of one MCP server, as an agent has them: named, with schemas, and callable. */
import type { JSONSchema7 } from '@ai-sdk/provider'

import { fieldsOf } from '../ground/fields.ts'
import { schemaOf } from '../ground/schema.ts'
import { harmlessVariables } from '../machine/command/variables.ts'
import { createRedact } from '../model/redact.ts'
import type { NamedTool } from '../tool.ts'
import { failureText, modelOutputOf } from './answer.ts'
import type { McpToolDefinition } from './connection.ts'
import { freeName } from './names.ts'
import type { McpOptions, McpServer } from './server-options.ts'
import { ServerLink } from './server.ts'
import { storedResult } from './stored-result.ts'

const toStderr = (line: string): void => void process.stderr.write(`loom: ${line}\n`)

/** The tools of one server. A tool's object stays the same while its definition does, since it is slow to prepare. */
export class ServerTools {
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

export class ServerTool {
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
    inputSchema: schemaOf({ type: 'object', properties: {} }),
    retry: 'safe',
    // It starts only servers that the user configured.
    needsApproval: false,
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
    inputSchema: schemaOf(isSchema(schema) ? schema : { type: 'object' }),
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
