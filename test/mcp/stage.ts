/** MCP servers for tests, and the texts of their results. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import type { McpServer } from '../../src/mcp/server-options.ts'
import type { NamedTool } from '../../src/tool.ts'
import { compileCache } from '../compile-cache.ts'
import { freePort } from '../redis/server.ts'
import { until } from '../redis/until.ts'
import { callTool } from '../tools/called-tool.ts'

const packages = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol')
export const everything = join(packages, 'server-everything/dist/index.js')
export const filesystem = join(packages, 'server-filesystem/dist/index.js')

/** The limit for the start of a process, which takes more than the default of 10 s on a busy machine. */
export const startMs = 60_000

/** The test's own server. `file` holds the names of its tools. */
export const oddServer = (file: string, ...flags: string[]): McpServer => ({
  name: 'odd',
  command: process.execPath,
  args: [join(import.meta.dirname, 'odd-server.ts'), file, ...flags],
  env: { NODE_NO_WARNINGS: '1' },
  connectMs: startMs,
})

export interface HttpServer extends AsyncDisposable {
  url: string
  kill: () => Promise<void>
  start: () => Promise<void>
}

/** The reference server over Streamable HTTP. */
export async function startEverything(): Promise<HttpServer> {
  const port = await freePort()
  let child: ChildProcess | undefined
  const start = async () => {
    const started = spawn(process.execPath, [everything, 'streamableHttp'], {
      env: { PATH: process.env['PATH'], ...compileCache(), PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child = started
    let said = ''
    started.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
    await until(20_000, 'the MCP server listens', () => said.includes('listening'))
  }
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await start()
  return { url: `http://127.0.0.1:${port}/mcp`, start, kill, [Symbol.asyncDispose]: kill }
}

export function named(tools: readonly NamedTool[], name: string): NamedTool {
  const tool = tools.find((tool) => tool.name === name)
  if (tool !== undefined) return tool
  throw new Error(`no tool "${name}" among ${tools.map(({ name }) => name).join(', ')}`)
}

/** Returns the texts of a result. */
export async function saidBy(tool: NamedTool, input: unknown = {}): Promise<string> {
  const { output } = await callTool(tool, input)
  const modelOutput = await tool.toModelOutput?.({ toolCallId: 'call-1', input, output })
  if (modelOutput?.type === 'text') return modelOutput.value
  if (modelOutput?.type !== 'content') throw new Error(`no content: ${JSON.stringify(output)}`)
  return modelOutput.value.map((part) => (part.type === 'text' ? part.text : part.type)).join('\n')
}
