/**
 * Reads the MCP servers of the command, in the format of other MCP clients: `{"mcpServers":
 * {"name": {"command", "args", "env"} | {"url", "headers"}}}`. It reads the files that `--mcp`
 * names and the user's own `mcp.json`. It never reads a file of the workspace, because then a
 * repository could start programs.
 */
import { readFile } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'

import { z } from 'zod/v4'

import type { Environment } from '../ground/environment.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import type { McpServer } from '../mcp/server-options.ts'
import { homeFolder } from './home-folder.ts'

const texts = z.record(z.string(), z.string())
const serverSchema = z.union([
  z.object({
    command: z.string().min(1),
    args: z.array(z.string()).optional(),
    env: texts.optional(),
    cwd: z.string().optional(),
    disabled: z.boolean().optional(),
  }),
  z.object({
    url: z.url({ protocol: /^https?$/ }),
    headers: texts.optional(),
    disabled: z.boolean().optional(),
  }),
])
const fileSchema = z.object({ mcpServers: z.record(z.string(), serverSchema) })

/**
 * `$XDG_CONFIG_HOME/loom/mcp.json`, by default `~/.config/loom/mcp.json`. Undefined without a home
 * folder.
 */
function usualMcpFile(environment: Environment): string | undefined {
  const { XDG_CONFIG_HOME: config = '' } = environment
  if (isAbsolute(config)) return join(config, 'loom', 'mcp.json')
  const home = homeFolder(environment)
  return home && join(home, '.config', 'loom', 'mcp.json')
}

export interface McpFiles {
  /** The values of `--mcp`: files, or the JSON itself. */
  named: readonly string[]
  environment: Environment
  /** The folder that relative paths start from. */
  directory: string
  /** Receives one line for each variable that is not set. */
  report: (line: string) => void
}

/**
 * Returns all servers. A later server replaces an earlier one of the same name.
 * @throws LoomError `invalid-config`
 */
export async function mcpServers({
  named,
  environment,
  directory,
  report,
}: McpFiles): Promise<McpServer[]> {
  const servers = new Map<string, McpServer>()
  const usual = usualMcpFile(environment)
  const own = usual && (await readFile(usual, 'utf8').catch(() => undefined))
  if (usual !== undefined && own !== undefined)
    addAll(servers, { text: own, source: usual, environment, report })
  for (const word of named) {
    const isText = word.trimStart().startsWith('{')
    const text = isText ? word : await fileText(resolve(directory, word), word)
    addAll(servers, { text, source: isText ? '--mcp' : word, environment, report })
  }
  return [...servers.values()]
}

async function fileText(path: string, word: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const message = `--mcp ${word} cannot be read: ${errorMessage(cause)}`
    throw new LoomError('invalid-config', message, { cause })
  }
}

interface ServerSource {
  text: string
  source: string
  environment: Environment
  report: (line: string) => void
}

function addAll(
  servers: Map<string, McpServer>,
  { text, source, environment, report }: ServerSource,
): void {
  const missing = new Set<string>()
  const value = withVariables(parseJson(text, source), { environment, missing })
  const read = fileSchema.safeParse(value)
  if (!read.success) {
    const [issue] = read.error.issues
    const place = issue?.path.join('.') ?? ''
    throw new LoomError(
      'invalid-config',
      `${source}: ${place === '' ? '' : `${place}: `}it must be {"mcpServers": {"name": {"command": …} or {"url": …}}}.`,
    )
  }
  for (const name of missing)
    report(`${source}: the variable ${name} is not set; it counts as empty.`)
  const words = new Map<string, string>()
  for (const [word, { disabled, ...server }] of Object.entries(read.data.mcpServers)) {
    const name = nameOf(word)
    const other = words.get(name)
    if (other !== undefined) {
      const problem = `the names ${JSON.stringify(other)} and ${JSON.stringify(word)} are too similar: both become ${name}`
      throw new LoomError('invalid-config', `${source}: ${problem}.`)
    }
    words.set(name, word)
    if (disabled === true) servers.delete(name)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON has no `undefined`: an optional field has a value or is absent.
    else servers.set(name, { name, ...server } as McpServer)
  }
}

/** Other tools accept every name (`My notes`). Loom needs a name that can be a part of a tool's name. */
function nameOf(word: string): string {
  const name = word.replace(/[^a-zA-Z0-9_-]+/g, '_').slice(0, 30)
  return name === '' ? 'server' : name
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LoomError('invalid-config', `${source} is not JSON: ${errorMessage(cause)}`, {
      cause,
    })
  }
}

interface Variables {
  environment: Environment
  /** Receives the names of the variables that are not set and have no other value. */
  missing: Set<string>
}

/**
 * Replaces `${NAME}` and `${NAME:-otherwise}` in every text, so that the file need not contain
 * keys.
 */
function withVariables(value: unknown, variables: Variables): unknown {
  if (typeof value === 'string') {
    return value.replace(
      /\$\{(?:env:)?(\w+)(?::-([^}]*))?\}/g,
      (_, name: string, otherwise: string | undefined) => {
        const text = variables.environment[name] ?? otherwise
        if (text === undefined) variables.missing.add(name)
        return text ?? ''
      },
    )
  }
  if (Array.isArray(value)) return value.map((item: unknown) => withVariables(item, variables))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withVariables(item, variables)]),
  )
}
