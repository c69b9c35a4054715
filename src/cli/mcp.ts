/**
 * `loom mcp`: the agents as tools for an MCP client that starts this command. Only JSON-RPC goes to stdout; the lines
 * for people go to stderr.
 */
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio'

import { type Config, readConfig } from '../config.ts'
import { commandSettings } from '../config/command-settings.ts'
import { wholeTenant } from '../ground/principal.ts'
import { keepRunning } from '../ground/unhandled-failures.ts'
import type { Loom } from '../loom.ts'
import { agentServer } from '../mcp-server/agent-server.ts'
import type { McpHost } from '../mcp-server/host.ts'
import { networkFetch } from '../model/network.ts'
import { createModels } from '../model/resolve.ts'
import { errorLog } from '../server/error-log.ts'
import { openLoom } from '../server/open-loom.ts'
import { openRegistry } from '../server/open-registry.ts'
import { openStore } from '../server/open-store.ts'
import { warmUp } from '../warm-up.ts'
import { checkModels } from './agent-models.ts'
import { openAgents } from './agent-source.ts'
import { projectOf } from './app-names.ts'
import type { CommandWorld } from './app.ts'
import { readEnvFile } from './env-file.ts'
import { exitCodes } from './exit-code.ts'
import { endOf, takeStdout } from './mcp-stdio.ts'

export interface McpCommandOptions {
  /** Files and folders with agents. None: `./agents`, or Loom's own agents where it does not exist. */
  paths: readonly string[]
  /** A file with settings. @defaultValue none */
  envFile?: string | undefined
}

/** @throws LoomError `invalid-config` for every reason that prevents the start */
export async function serveMcp(world: CommandWorld, options: McpCommandOptions): Promise<number> {
  const { program, app } = world
  const ended = endOf(program)
  const output = takeStdout(program)
  const notice = (line: string) => void program.stderr.write(`loom: ${line}\n`)
  const settings = await readEnvFile(program, { named: options.envFile, isDev: false })
  if (settings !== undefined) notice(settings)
  const { loom, kind } = await openAll(world, { paths: options.paths, notice })
  let isLeaving = false
  const host: McpHost = {
    loom,
    version: app.version,
    principal: wholeTenant(''),
    serverContext: undefined,
    findSession: (id) => loom.sessions.find('', id),
    audit: async ({ action, ...act }) => {
      await loom.sessions.noteAudit('', { ...act, action, by: {} }).catch(loom.report)
    },
    isLeaving: () => isLeaving,
  }
  const server = serveStdio(() => agentServer(host), {
    transport: new StdioServerTransport(program.stdin, output),
    onerror: (error) => loom.report(error),
  })
  await ended
  isLeaving = true
  await server.close()
  // With Redis, another instance continues the answers. The next command on these files does.
  await (kind === 'memory' ? loom.sessions.drain() : loom.close()).catch(loom.report)
  program.stdin.destroy()
  return exitCodes.done
}

async function openAll(
  world: CommandWorld,
  { paths, notice }: { paths: readonly string[]; notice: (line: string) => void },
): Promise<{ loom: Loom; kind: 'redis' | 'file' | 'memory' }> {
  const { program } = world
  const environment = program.env
  const config = mcpConfig(environment)
  const warm = warmUp()
  warm.catch(() => undefined)
  const registry = await openRegistry(config, { fetch: networkFetch(environment) })
  const models = createModels({ environment, registry })
  const redact = (text: string) => models.redact(text)
  const writeLine = (line: string) => void program.stderr.write(`${line}\n`)
  const report = errorLog({ logLevel: config.logLevel, redact, writeLine })
  // Before the files of the user are loaded.
  keepRunning(program, report)
  const project = await projectOf(world)
  const source = await openAgents({ paths, project, config, environment, notice })
  const { agents, defaultAgent } = source.chosen
  await models.resolve(config.model)
  await checkModels(agents, models)
  const opened = await openStore({ config, report, environment })
  const loom = await openLoom({ config, agents, defaultAgent, models, report, opened })
  await warm
  const names = agents.map(({ name }) => name).join(', ')
  const place =
    opened.kind === 'memory'
      ? 'in memory until it ends (to keep them, set REDIS_URL, or LOOM_STORE=file and LOOM_DATA)'
      : opened.place
  notice(`serves ${names} as MCP tools on stdio, and keeps sessions ${place}`)
  return { loom, kind: opened.kind }
}

/**
 * Several clients may each start this command, so without a setting it keeps its sessions in memory. It opens no port,
 * so a bad setting of the server must not prevent it.
 */
function mcpConfig(environment: NodeJS.ProcessEnv): Config {
  return readConfig({ ...commandSettings(environment), PORT: '0' })
}
