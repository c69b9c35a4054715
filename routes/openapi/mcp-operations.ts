/** The routes of MCP. */
import { json, type Operation, type Parameter } from './operation.ts'

const tag = 'MCP'
const path = '/mcp'
const errorSchema = 'JsonRpcError'

const session: Parameter = {
  in: 'header',
  name: 'mcp-session-id',
  description: 'What `initialize` returned. Only clients of MCP 2025-11-25 and earlier send it.',
  schema: { type: 'string' },
}

export const mcpOperations: readonly Operation[] = [
  {
    method: 'post',
    path,
    id: 'sendMcpMessage',
    summary:
      'Receives one JSON-RPC message of the Model Context Protocol. Each agent is a tool; `tools/call` answers a message.',
    tag,
    parameters: [session],
    body: { schema: 'McpMessage' },
    answers: {
      200: {
        description: 'The response, or a stream of notifications that ends with it.',
        content: { 'application/json': 'McpResponse', 'text/event-stream': { type: 'string' } },
        headers: { 'Mcp-Session-Id': 'Only in the response to `initialize`.' },
      },
      202: { description: 'The notification or the response was accepted.' },
      415: json('The content type is not `application/json`.', errorSchema),
    },
    errors: ['not-found'],
    errorSchema,
  },
  {
    method: 'get',
    path,
    id: 'resumeMcpCall',
    summary:
      'Continues the stream of a call after a broken connection, at any instance. For clients of MCP 2025-11-25 and earlier.',
    tag,
    parameters: [
      session,
      {
        in: 'header',
        name: 'last-event-id',
        description: 'The id of the last event that the client has.',
        schema: { type: 'string' },
      },
    ],
    answers: {
      200: {
        description: 'The rest of the stream.',
        content: { 'text/event-stream': { type: 'string' } },
      },
    },
    errors: ['not-found', 'method-not-allowed'],
    errorSchema,
  },
  {
    method: 'delete',
    path,
    id: 'endMcpSession',
    summary: 'Ends an MCP session. The sessions of the agents stay.',
    tag,
    parameters: [session],
    answers: { 204: { description: 'The server stores nothing for an MCP session.' } },
    errors: ['not-found'],
    errorSchema,
  },
  {
    method: 'get',
    path: '/.well-known/oauth-protected-resource/mcp',
    id: 'describeMcpResource',
    summary: 'Returns where a client gets a token for `/mcp` (RFC 9728).',
    tag,
    answers: { 200: json('The metadata.', 'ResourceMetadata') },
    errors: ['not-found'],
  },
]
