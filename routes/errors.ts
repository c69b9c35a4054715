/**
 * The one place where an error becomes a response. `useChat` shows the body to people as it is, so
 * the body is one readable line; programs ask for JSON and get the code with it.
 */
import type { Context } from 'hono'

import { errorStatus, LoomError } from '../src/ground/error.ts'
import type { Loom } from '../src/loom.ts'

export function answerError(
  error: Error,
  c: Context,
  { models, report }: Pick<Loom, 'models' | 'report'>,
): Response {
  // Anything else may hold paths, queries or keys: it is for the log, not for the client.
  const known =
    error instanceof LoomError && error.code !== 'internal'
      ? error
      : new LoomError('internal', 'Something went wrong in the server.', { cause: error })
  if (known.status >= 500) report(error)
  const message = models.redact(known.message).replace(/\s+/g, ' ')
  const { code } = known
  // 499 is not in Hono's list, and nobody is there to read it.
  const status = code === 'aborted' ? 400 : errorStatus[code]
  if (known.retryAfterMs !== undefined) {
    c.header('Retry-After', String(Math.ceil(known.retryAfterMs / 1000)))
  }
  return wantsJson(c) ? c.json({ error: { code, message } }, status) : c.text(message, status)
}

function wantsJson(c: Context): boolean {
  return c.req.header('accept')?.includes('application/json') ?? false
}
