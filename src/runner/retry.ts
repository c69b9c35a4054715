/** When a failed model call is made again, and how long to wait before. */
import { setTimeout as delay } from 'node:timers/promises'

import { APICallError } from '@ai-sdk/provider'

import type { RetryPolicy } from '../agent.ts'
import { errorMessage, LoomError } from '../error.ts'

export const defaultRetryPolicy: RetryPolicy = {
  retries: 3,
  initialDelayMs: 500,
  maxDelayMs: 30_000,
}

/** 529 is Anthropic's "overloaded"; the rest are those of RFC 9110 that may pass. */
const isRetryableStatus = (status: number) =>
  status === 408 || status === 409 || status === 425 || status === 429 || status >= 500

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

/** What a model threw, as Loom's own error with the provider's message kept. */
export function modelError(error: unknown): LoomError {
  if (error instanceof LoomError) return error
  if (APICallError.isInstance(error)) return apiError(error)
  return new LoomError('model-failed', `The model failed: ${errorMessage(error)}`, {
    cause: error,
    retryable: isConnectionFailure(error),
  })
}

function apiError(error: APICallError): LoomError {
  const { statusCode, responseHeaders } = error
  const told = statusCode === undefined ? '' : ` with ${statusCode}`
  const retryAfterMs = retryAfter(responseHeaders ?? {})
  return new LoomError('model-failed', `The model answered${told}: ${error.message}`, {
    cause: error,
    retryable: statusCode === undefined ? error.isRetryable : isRetryableStatus(statusCode),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** Looks down the chain of causes: `fetch` wraps what the socket said. */
function isConnectionFailure(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 4) return false
  if ('code' in error && typeof error.code === 'string' && retryableCodes.has(error.code))
    return true
  if (error instanceof TypeError && /fetch failed|terminated|network/i.test(error.message))
    return true
  return isConnectionFailure(error.cause, depth + 1)
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110 section 10.2.3). */
export function retryAfter(
  headers: Readonly<Record<string, string>>,
  now: number = Date.now(),
): number | undefined {
  const milliseconds = Number.parseFloat(headers['retry-after-ms'] ?? '')
  if (milliseconds >= 0) return milliseconds
  const value = headers['retry-after']
  if (value === undefined) return undefined
  const seconds = Number(value)
  if (seconds >= 0) return seconds * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
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
  await delay(delayMs, undefined, { signal })
}
