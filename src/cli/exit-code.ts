/**
 * The exit codes of the command: 0 done, 1 failure, 2 wrong use, 3 wrong set-up, 4 a limit reached.
 */
import { LoomError, type LoomErrorCode } from '../ground/error.ts'

export const exitCodes = { done: 0, failed: 1, usage: 2, setup: 3, limit: 4 } as const

const byCode: Partial<Record<LoomErrorCode, number>> = {
  'invalid-request': exitCodes.usage,
  'unknown-agent': exitCodes.usage,
  'not-found': exitCodes.usage,
  'payload-too-large': exitCodes.usage,
  'invalid-config': exitCodes.setup,
  'missing-key': exitCodes.setup,
  'unknown-model': exitCodes.setup,
  unauthorized: exitCodes.setup,
  forbidden: exitCodes.setup,
  'model-timeout': exitCodes.limit,
  'over-budget': exitCodes.limit,
}

export function exitCodeOf(error: unknown): number {
  if (isKeyRefused(error)) return exitCodes.setup
  return error instanceof LoomError ? (byCode[error.code] ?? exitCodes.failed) : exitCodes.failed
}

/** Whether the provider refused the key, or the use of this model with it. */
const isKeyRefused = (error: unknown): boolean =>
  error instanceof LoomError &&
  error.code === 'model-failed' &&
  error.cause instanceof Error &&
  'statusCode' in error.cause &&
  (error.cause.statusCode === 401 || error.cause.statusCode === 403)

/** Whether a write failed because the reader closed its end, and not because of a full disk. */
export const isReaderGone = (error: Error): boolean =>
  'code' in error && ['EPIPE', 'ECONNRESET', 'EIO'].includes(String(error.code))
