/** An MCP server whose tools are the agents. It serves one request or one connection. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  type JsonSchemaValidatorResult,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server'

import type { Agent } from '../agent.ts'
import { fieldOf } from '../ground/fields.ts'
import { agentTools } from './agent-tools.ts'
import { showsForms } from './client-forms.ts'
import type { McpHost } from './host.ts'
import { type CallHooks, callTool } from './tool-request.ts'

const instructions =
  'Each tool is an agent that answers a message. A result names its session: call the same tool with this session to continue the conversation.'

/** The longest wait for a human on a connection, in milliseconds: a day. */
const humanMs = 24 * 60 * 60 * 1000

/** `questions.ts` reads the answers to forms, so the library need not check them. The artefacts leave its validator out. */
function accepted<VALUE>(data: unknown): JsonSchemaValidatorResult<VALUE>
function accepted(data: unknown): unknown {
  return { valid: true, data, errorMessage: undefined }
}

export function agentServer(host: McpHost, hooks: CallHooks = {}): McpServer {
  const { loom, version } = host
  const mcp = new McpServer(
    { name: 'loom', title: 'Loom', version },
    {
      capabilities: { tools: { listChanged: false } },
      instructions,
      inputRequired: { roundTimeoutMs: humanMs, maxRounds: 100 },
      jsonSchemaValidator: { getValidator: () => accepted },
    },
  )
  mcp.server.setRequestHandler('tools/list', async () => ({
    tools: await agentTools(loom.agents),
  }))
  mcp.server.setRequestHandler('tools/call', async ({ params }, ctx) => {
    const agent = loom.agents.find(({ name }) => name === params.name)
    if (agent === undefined) throw unknownTool(params.name, loom.agents)
    // A request of MCP 2026-07-28 has the capabilities of its client; earlier ones come after `initialize`.
    const own = fieldOf(ctx.mcpReq.envelope, CLIENT_CAPABILITIES_META_KEY)
    const canAsk = showsForms(own ?? mcp.server.getClientCapabilities())
    return callTool(host, { agent, given: params.arguments, canAsk, hooks, ctx })
  })
  return mcp
}

const unknownTool = (name: string, agents: readonly Agent[]) =>
  new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `There is no tool ${JSON.stringify(name)}. The tools are the agents: ${agents.map((each) => each.name).join(', ')}.`,
  )
