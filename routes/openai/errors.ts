/** Errors in the form of OpenAI's API: `{ "error": { "message", "type", "param", "code" } }`. */
import type { LoomErrorCode } from '../../src/ground/error.ts'

export interface OpenAiError {
  message: string
  type: string
  /** The field of the request that is wrong. Null if no field is. */
  param: string | null
  code: string | null
}

/** The types and codes that OpenAI documents ("Error codes"), where one fits; otherwise Loom's own code. */
const forms: Partial<Record<LoomErrorCode, { type: string; code?: string | null }>> = {
  'invalid-request': { type: 'invalid_request_error', code: null },
  unauthorized: { type: 'invalid_request_error', code: 'invalid_api_key' },
  'not-found': { type: 'invalid_request_error', code: null },
  forbidden: { type: 'invalid_request_error', code: 'insufficient_permissions' },
  'unknown-agent': { type: 'invalid_request_error', code: 'model_not_found' },
  'context-overflow': { type: 'invalid_request_error', code: 'context_length_exceeded' },
  limited: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  'mailbox-full': { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  'over-budget': { type: 'insufficient_quota', code: 'insufficient_quota' },
}

/** @param status the HTTP status of the error */
export function openAiError(code: LoomErrorCode, message: string, status: number): OpenAiError {
  const form = forms[code] ?? { type: status >= 500 ? 'server_error' : 'invalid_request_error' }
  // Messages about a field begin with its path, such as `messages[2].content`.
  const [, param = null] =
    /^([a-z_]+(?:\[\d+\]|\.[a-z_0-9]+)*)(?::| must| needs| has)/.exec(message) ?? []
  return {
    message,
    type: form.type,
    param: code === 'invalid-request' || code === 'not-found' ? param : null,
    code: form.code === undefined ? code : form.code,
  }
}
