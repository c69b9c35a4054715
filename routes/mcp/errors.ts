/** Errors in the form of JSON-RPC 2.0, which MCP uses: `{ "jsonrpc", "id", "error": { "code", "message", "data" } }`. */
import type { LoomErrorCode } from '../../src/ground/error.ts'

export interface JsonRpcFailure {
  jsonrpc: '2.0'
  /** The id of the request. Null if the server could not read it, or refused the request before. */
  id: string | number | null
  error: {
    code: number
    message: string
    data: {
      /** Loom's own code. */
      code: LoomErrorCode
    }
  }
}

/** The codes of JSON-RPC 2.0, 5.1, where one fits. -32000 is the first one that is free for servers. */
const numbers: Partial<Record<LoomErrorCode, number>> = {
  'invalid-request': -32600,
  internal: -32603,
}

export const jsonRpcFailure = (
  id: string | number | null,
  code: LoomErrorCode,
  message: string,
): JsonRpcFailure => ({
  jsonrpc: '2.0',
  id,
  error: { code: numbers[code] ?? -32000, message, data: { code } },
})
