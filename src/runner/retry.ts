/** When a failed model call is made again, and how long to wait before. */
import { setTimeout as delay } from 'node:timers/promises'

import { APICallError, JSONParseError } from '@ai-sdk/provider'

import type { RetryPolicy } from '../agent.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { fieldOf } from '../ground/fields.ts'
import { timerMaxMs } from '../ground/until-aborted.ts'
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

/** What a model threw, or said in an `error` part, as Loom's own error with its message kept. */
export function modelError(error: unknown): LoomError {
  if (error instanceof LoomError) return error
  if (APICallError.isInstance(error)) return apiError(error)
  const text = errorMessage(error)
  const said = `${text} ${codeOf(error)}`
  const code = isOverflow(said, statusOf(error)) ? 'context-overflow' : 'model-failed'
  // Half an event is what a bad connection leaves of it.
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

/** The provider client knows best what may pass; by default it is 408, 409, 429 and 5xx. */
function apiError(error: APICallError): LoomError {
  const { statusCode = 0, responseHeaders, isRetryable } = error
  // A stream that breaks in mid-answer carries the status of its good beginning.
  const told = statusCode >= 400 ? `answered with ${statusCode}` : 'failed'
  const said = `${error.message} ${error.responseBody ?? JSON.stringify(error.data) ?? ''}`
  const isTooLong = isOverflow(said, statusCode)
  const isTransient = !isTooLong && (isRetryable || isConnectionFailure(error.cause))
  const retryAfterMs = retryAfter(responseHeaders ?? {}) ?? (isTransient ? waitIn(said) : undefined)
  return new LoomError(
    isTooLong ? 'context-overflow' : 'model-failed',
    `The model ${told}: ${error.message}`,
    {
      cause: error,
      retryable: isTransient,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  )
}

/**
 * What an `error` part says of itself. Providers put anything there: the AI SDK's own say
 * `isRetryable`, gateways an HTTP status under one of these names, others words only.
 */
function isTransient(error: unknown): boolean | undefined {
  const told = fieldOf(error, 'isRetryable')
  if (typeof told === 'boolean') return told
  const status = statusOf(error)
  return status === undefined ? undefined : isTransientStatus(status)
}

const statusOf = (error: unknown): number | undefined =>
  ['statusCode', 'status', 'code']
    .map((name) => Number(fieldOf(error, name)))
    .find((status) => status >= 400 && status < 600)

/** `context_length_exceeded`, for instance. */
const codeOf = (error: unknown): string =>
  ['code', 'type']
    .map((name) => fieldOf(error, name))
    .filter((value) => typeof value === 'string')
    .join(' ')

/** 529 is Anthropic's "overloaded"; the rest are those of RFC 9110 that may pass. */
const isTransientStatus = (status: number) =>
  status === 408 || status === 409 || status === 429 || status >= 500

/** Looks down the chain of causes: `fetch` wraps what the socket said. */
function isConnectionFailure(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 4) return false
  if ('code' in error && typeof error.code === 'string' && retryableCodes.has(error.code))
    return true
  if (error instanceof TypeError && /fetch failed|terminated|network/i.test(error.message))
    return true
  return isConnectionFailure(error.cause, depth + 1)
}

/** The pause before attempt `attempt` (from 1). The jitter keeps many clients from returning at once. */
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

/** Waits; rejects at once when the run is aborted. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await delay(Math.min(delayMs, timerMaxMs), undefined, { signal })
}
