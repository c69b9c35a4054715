/** A process with its own MCP server, for a test to kill. Its argument is the server's file of tools. */
import { openMcp } from '../../src/mcp.ts'
import { oddServer } from './stage.ts'

const server = oddServer(process.argv[2] ?? '', 'stubborn', 'child')
const mcp = openMcp([server], { environment: { PATH: process.env['PATH'] } })
const tools = await mcp.tools()
process.stdout.write(tools.length > 0 ? 'connected' : 'no tools')
