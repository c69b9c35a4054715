/** The forms of the messages of MCP. The library of the protocol checks them; these are for the document. */
import { z } from 'zod/v4'

const id = z.union([z.string(), z.int()])
const fields = z.record(z.string(), z.unknown())

export const mcpRequestSchemas = {
  McpMessage: z.looseObject({
    jsonrpc: z.literal('2.0'),
    id: id.optional().describe('Absent in a notification.'),
    method: z
      .string()
      .describe('The method of a request or a notification. Absent in a response.')
      .meta({ examples: ['initialize', 'tools/list', 'tools/call', 'ping'] })
      .optional(),
    params: fields.optional(),
    result: fields.optional().describe('Of a response: the answer of a human to a question.'),
  }),
} satisfies Record<string, z.ZodType>

export const mcpResponseSchemas = {
  McpResponse: z.object({
    jsonrpc: z.literal('2.0'),
    id: id.nullish(),
    result: fields.optional(),
    error: z
      .object({ code: z.int(), message: z.string(), data: z.unknown().optional() })
      .optional(),
  }),
  ResourceMetadata: z.object({
    resource: z.string(),
    authorization_servers: z.array(z.string()),
    scopes_supported: z.array(z.string()),
  }),
  JsonRpcError: z.object({
    jsonrpc: z.literal('2.0'),
    id: id.nullish(),
    error: z.object({
      code: z.int(),
      message: z.string(),
      data: z
        .unknown()
        .optional()
        .describe('Errors of Loom have their own code here, such as `limited`.'),
    }),
  }),
} satisfies Record<string, z.ZodType>
