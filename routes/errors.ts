/**
 * The one place that turns an error into a response. `useChat` shows the body to people without a
 * change, so the body is one readable line. A client that accepts JSON also receives the code.
 */
import type { Context } from 'hono'

import { errorStatus, LoomError } from '../src/ground/error.ts'
import type { Loom } from '../src/loom.ts'
import { jsonRpcFailure } from './mcp/errors.ts'
import { openAiError } from './openai/errors.ts'
import { noteCode } from './request-note.ts'

/**
 * @param isOpenAi whether the body has the form of OpenAI's API. @defaultValue false
 * @param jsonRpcId the id of the request, for a body in the form of JSON-RPC. @defaultValue another form
 */
export function answerError(
  error: Error,
  c: Context,
  { models, report }: Pick<Loom, 'models' | 'report'>,
  { isOpenAi = false, jsonRpcId }: { isOpenAi?: boolean; jsonRpcId?: string | number | null } = {},
): Response {
  const ownResponse = responseOf(error)
  if (ownResponse !== undefined) {
    if (ownResponse.status >= 500) report(error)
    return ownResponse
  }
  // Any other error may contain paths, queries or keys. It goes to the log and not to the client.
  const failure =
    error instanceof LoomError && error.code !== 'internal'
      ? error
      : new LoomError('internal', 'Something went wrong in the server.', { cause: error })
  if (failure.status >= 500) report(error)
  const message = models.redact(failure.message).replace(/\s+/g, ' ')
  const { code } = failure
  noteCode(c, code)
  // Hono's list of statuses has no 499, and this client has closed the connection.
  const status = code === 'aborted' ? 400 : errorStatus[code]
  // A client may repeat each request that the server could not accept (RFC 9110, 15.6.4).
  const retryAfterMs = failure.retryAfterMs ?? (code === 'unavailable' ? 1000 : undefined)
  if (retryAfterMs !== undefined) {
    c.header('Retry-After', String(Math.ceil(retryAfterMs / 1000)))
  }
  if (jsonRpcId !== undefined) return c.json(jsonRpcFailure(jsonRpcId, code, message), status)
  if (isOpenAi) return c.json({ error: openAiError(code, message, status) }, status)
  return wantsJson(c) ? c.json({ error: { code, message } }, status) : c.text(message, status)
}

/**
 * An `HTTPException` of the application, from `principalOf` or `contextOf`, has its own response. As
 * in Hono's own error handler, its class is not checked: there may be a second copy of Hono.
 */
function responseOf(error: Error): Response | undefined {
  if (error instanceof LoomError || !('getResponse' in error)) return undefined
  const { getResponse } = error
  const response: unknown = typeof getResponse === 'function' ? getResponse.call(error) : undefined
  return response instanceof Response ? response : undefined
}

function wantsJson(c: Context): boolean {
  return c.req.header('accept')?.includes('application/json') ?? false
}
