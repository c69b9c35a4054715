/**
 * The one error class of Loom. Callers branch on `code`, never on the message. `status` is the HTTP
 * status of a failure before the first byte of an answer.
 */
import type { RunResult } from '../run-result.ts'

/** Every code, with its HTTP status. */
export const errorStatus = {
  /** The caller's input is wrong: not JSON, a missing field, an unknown part. */
  'invalid-request': 400,
  /** The request has no API key, or an unknown one. */
  unauthorized: 401,
  'unknown-agent': 404,
  'not-found': 404,
  'method-not-allowed': 405,
  /** The credential of the request lacks the scope for it. */
  forbidden: 403,
  'forbidden-origin': 403,
  'payload-too-large': 413,
  /** The model string names no provider that is set up. */
  'unknown-model': 400,
  /** The provider is known, but its API key is not set. */
  'missing-key': 400,
  /** A setting of the server has a bad value. The process ends with exit code 3. */
  'invalid-config': 500,
  /** The model could not be reached or answered with an error. */
  'model-failed': 502,
  /** The model was silent for longer than its time limit. */
  'model-timeout': 504,
  /** The answer of the model does not fit the `output` schema of the agent, even after corrections. */
  'output-invalid': 502,
  /** The prompt is longer than the context window of the model, even after compaction. */
  'context-overflow': 413,
  /** The session runs another turn, and the message must not wait. */
  busy: 409,
  /** No call waits for that answer, or the message was withdrawn. */
  refused: 409,
  'mailbox-full': 429,
  /** The principal has used up one of its limits. */
  limited: 429,
  /**
   * The stream does not have the place that a reader asked for, or the conversation does not exist
   * any more.
   */
  gone: 410,
  /** Another instance owns the turn. No client receives this code. */
  lost: 500,
  /** The session has used up its budget. */
  'over-budget': 402,
  /** The caller's signal was aborted. */
  aborted: 499,
  /** The store cannot be reached or accepts nothing now. Try again with the same ids. */
  unavailable: 503,
  internal: 500,
} as const satisfies Record<string, number>

/**
 * The code of a `LoomError`: a closed set. Each code has one HTTP status, such as 409 for `busy`.
 * @example
 * ```ts
 * import type { LoomErrorCode } from 'loomkit'
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
 * import { defineAgent, LoomError, run } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const result = await run(agent, 'Hello').catch((error: unknown) => {
 *   if (error instanceof LoomError && error.code === 'model-timeout') return error.result
 *   throw error
 * })
 * ```
 */
export class LoomError extends Error {
  /** The class name, which distinguishes it from other errors without an import. */
  override readonly name = 'LoomError'
  /** The kind of the error. Programs branch on it. */
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

/** Returns the message of any thrown value, never an empty text. */
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
