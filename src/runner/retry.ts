/** When a failed model call is repeated, and the wait before it. */
import { APICallError, JSONParseError } from '@ai-sdk/provider'

import type { RetryPolicy } from '../agent.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { fieldOf } from '../ground/fields.ts'
import { isOverflow } from '../model/overflow.ts'
import { retryAfter, waitIn } from './wait.ts'

export const defaultRetryPolicy: RetryPolicy = {
  retries: 3,
  initialDelayMs: 500,
  maxDelayMs: 30_000,
}

const retryableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Converts an error of a model, thrown or from an `error` part, to a LoomError with its message. */
export function modelError(error: unknown): LoomError {
  if (error instanceof LoomError) return error
  if (APICallError.isInstance(error)) return apiError(error)
  const text = errorMessage(error)
  const report = `${text} ${codeOf(error)}`
  const code = isOverflow(report, statusOf(error)) ? 'context-overflow' : 'model-failed'
  // A broken connection can leave half an event, which is a JSON error.
  const retryable =
    code !== 'context-overflow' &&
    (isTransient(error) ?? (isConnectionFailure(error) || JSONParseError.isInstance(error)))
  const retryAfterMs = retryable ? waitIn(text) : undefined
  return new LoomError(code, `The model failed: ${text}`, {
    cause: error,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** The provider client decides first which failures are transient; by default 408, 409, 429 and 5xx. */
function apiError(error: APICallError): LoomError {
  const { statusCode = 0, responseHeaders, isRetryable } = error
  // A stream that breaks in the middle of an answer has the status of its successful start.
  const event = statusCode >= 400 ? `answered with ${statusCode}` : 'failed'
  const report = `${error.message} ${error.responseBody ?? JSON.stringify(error.data) ?? ''}`
  const isTooLong = isOverflow(report, statusCode)
  const isTransient = !isTooLong && (isRetryable || isConnectionFailure(error.cause))
  const retryAfterMs =
    retryAfter(responseHeaders ?? {}) ?? (isTransient ? waitIn(report) : undefined)
  return new LoomError(
    isTooLong ? 'context-overflow' : 'model-failed',
    `The model ${event}: ${error.message}`,
    {
      cause: error,
      retryable: isTransient,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  )
}

/**
 * Whether an `error` part describes a transient failure. Its form differs by provider: the AI SDK's own
 * errors have `isRetryable`, gateways have an HTTP status under one of these names, others only a text.
 */
function isTransient(error: unknown): boolean | undefined {
  const isRetryable = fieldOf(error, 'isRetryable')
  if (typeof isRetryable === 'boolean') return isRetryable
  const status = statusOf(error)
  return status === undefined ? undefined : isTransientStatus(status)
}

const statusOf = (error: unknown): number | undefined =>
  ['statusCode', 'status', 'code']
    .map((name) => Number(fieldOf(error, name)))
    .find((status) => status >= 400 && status < 600)

/** The error code, for instance `context_length_exceeded`. */
const codeOf = (error: unknown): string =>
  ['code', 'type']
    .map((name) => fieldOf(error, name))
    .filter((value) => typeof value === 'string')
    .join(' ')

/** 529 is Anthropic's "overloaded". The others are the transient ones of RFC 9110. */
const isTransientStatus = (status: number) =>
  status === 408 || status === 409 || status === 429 || status >= 500

/** Follows the chain of causes: `fetch` wraps the error of the socket. */
function isConnectionFailure(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 4) return false
  if ('code' in error && typeof error.code === 'string' && retryableCodes.has(error.code))
    return true
  if (error instanceof TypeError && /fetch failed|terminated|network/i.test(error.message))
    return true
  return isConnectionFailure(error.cause, depth + 1)
}

/** Milliseconds before attempt `attempt` (from 1). The jitter prevents many clients from retrying at once. */
export function retryDelay(
  policy: RetryPolicy,
  attempt: number,
  error: LoomError,
  random: () => number = Math.random,
): number {
  if (error.retryAfterMs !== undefined) return Math.min(error.retryAfterMs, policy.maxDelayMs)
  const full = Math.min(policy.initialDelayMs * 2 ** (attempt - 1), policy.maxDelayMs)
  return full * (0.5 + random() / 2)
}
