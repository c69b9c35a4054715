/** The failure of a call as a result, which the model of the client reads and may correct. */
import type { CallToolResult } from '@modelcontextprotocol/server'

import { LoomError } from '../ground/error.ts'
import { failedResult } from './call-result.ts'
import type { McpHost } from './host.ts'

/** Any error that is not Loom's own may contain paths, queries or keys: the client does not receive it. */
export const knownFailure = (error: unknown): LoomError =>
  error instanceof LoomError && error.code !== 'internal'
    ? error
    : new LoomError('internal', 'Something went wrong in the server.', { cause: error })

export function failureResult({ loom }: McpHost, error: unknown): CallToolResult {
  const failure = knownFailure(error)
  if (failure.status >= 500) loom.report(error)
  return failedResult(loom.models.redact(failure.message))
}
