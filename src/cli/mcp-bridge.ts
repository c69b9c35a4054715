/** `loom mcp --url`: passes the messages of an MCP client on stdin to the agents of a server, and its messages back. */
import type { JSONRPCMessage } from '@modelcontextprotocol/server'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'

import type { CommandWorld } from './app.ts'
import { exitCodes } from './exit-code.ts'
import { endOf, takeStdout } from './mcp-stdio.ts'
import { McpRemote } from './remote/mcp-remote.ts'

/** @throws LoomError `invalid-request` for an address that is not http or https */
export async function bridgeMcp({ program }: CommandWorld, url: string): Promise<number> {
  const ended = endOf(program)
  const local = new StdioServerTransport(program.stdin, takeStdout(program))
  const key = program.env['LOOM_API_KEY']
  const remote = new McpRemote({
    url,
    apiKey: key === '' ? undefined : key,
    deliver: (message) => local.send(message),
    report: (line) => void program.stderr.write(`loom: ${line}\n`),
  })
  Object.assign(local, {
    onmessage: (message: JSONRPCMessage) => void remote.forward(message),
    onerror: (error: Error) => void program.stderr.write(`loom: ${error.message}\n`),
  })
  await local.start()
  program.stderr.write(`loom: serves the agents of ${remote.address} as MCP tools on stdio\n`)
  await ended
  remote.close()
  await local.close()
  program.stdin.destroy()
  return exitCodes.done
}
