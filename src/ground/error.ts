/**
 * The one error class of Loom. Callers branch on `code`, never on the message. `status` is what an
 * HTTP client is told when the failure is known before the first byte of an answer.
 */
import type { RunResult } from '../run-result.ts'

/** Every code, with the HTTP status it is told as. */
export const errorStatus = {
  /** The caller's input is wrong: not JSON, a missing field, an unknown part. */
  'invalid-request': 400,
  /** No API key, or one that is not known. */
  unauthorized: 401,
  'unknown-agent': 404,
  'not-found': 404,
  'method-not-allowed': 405,
  'forbidden-origin': 403,
  'payload-too-large': 413,
  /** A model string that names no provider that is set up. */
  'unknown-model': 400,
  /** A provider is known, its API key is not set. */
  'missing-key': 400,
  /** A setting of the server has a bad value. The process ends with exit code 3. */
  'invalid-config': 500,
  /** The model could not be reached or answered with an error. */
  'model-failed': 502,
  /** The model was silent for longer than its time limit. */
  'model-timeout': 504,
  /** The prompt is longer than the model's window, however it is compacted. */
  'context-overflow': 413,
  /** The session runs another turn, and the message asked not to wait. */
  busy: 409,
  /** Nothing waits for that answer, or the message was withdrawn. */
  refused: 409,
  'mailbox-full': 429,
  /** A stream does not hold the place that a reader asked for, or the conversation itself is not there any more. */
  gone: 410,
  /** Another instance owns the turn. Never told to a client. */
  lost: 500,
  /** The session has used up its budget. */
  'over-budget': 402,
  /** The caller's signal was aborted. */
  aborted: 499,
  /** The store cannot be reached or does not accept anything now: try again with the same ids. */
  unavailable: 503,
  internal: 500,
} as const satisfies Record<string, number>

/**
 * The code of a `LoomError`: a closed set. Each code has one HTTP status, such as 409 for `busy`.
 * @example
 * ```ts
 * import type { LoomErrorCode } from 'loom'
 *
 * const laterCodes: readonly LoomErrorCode[] = ['busy', 'mailbox-full', 'unavailable']
 * ```
 */
export type LoomErrorCode = keyof typeof errorStatus

export interface LoomErrorOptions {
  /** The error that caused this one. @defaultValue none */
  cause?: unknown
  /** True if the same call may succeed later. @defaultValue false */
  retryable?: boolean
  /** The wait that the other side asked for, in milliseconds. @defaultValue none */
  retryAfterMs?: number
  /** The text, the steps and the usage of a failed or aborted run. @defaultValue none */
  result?: RunResult
}

/**
 * The one error class of Loom. Callers branch on `code`, never on the message. `status` is the HTTP status of
 * the code.
 * @example
 * ```ts
 * import { defineAgent, LoomError, run } from 'loom'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const result = await run(agent, 'Hello').catch((error: unknown) => {
 *   if (error instanceof LoomError && error.code === 'model-timeout') return error.result
 *   throw error
 * })
 * ```
 */
export class LoomError extends Error {
  override readonly name = 'LoomError'
  readonly code: LoomErrorCode
  /** True if the same call may succeed later. */
  readonly retryable: boolean
  /** The wait that the other side asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined
  /** The text, the steps and the usage of a failed or aborted run. */
  readonly result: RunResult | undefined

  constructor(code: LoomErrorCode, message: string, options: LoomErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
    this.retryAfterMs = options.retryAfterMs
    this.result = options.result
  }

  /** The HTTP status of a response that reports this error before its first byte. */
  get status(): number {
    return errorStatus[this.code]
  }

  /** Returns the response of Hono's own error handler, so that a route needs no handler of its own. */
  getResponse(): Response {
    return new Response(this.message.replace(/\s+/g, ' '), {
      status: this.status,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
  }
}

/** The message of anything that was thrown, never empty. */
export function errorMessage(error: unknown): string {
  if (error instanceof Error) return error.message || error.name
  if (typeof error === 'string' && error !== '') return error
  if (typeof error === 'object' && error !== null && 'message' in error) {
    if (typeof error.message === 'string' && error.message !== '') return error.message
  }
  try {
    return JSON.stringify(error) ?? String(error)
  } catch {
    return 'unknown error'
  }
}
