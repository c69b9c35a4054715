/**
 * Reads the message of a provider's error. Besides OpenAI's `{ error: { message, type, code } }` there are
 * `{ error: "…" }`, `{ message }`, FastAPI's `{ detail }`, and Google's list around the error.
 */
import { shorten } from '../../ground/cut-text.ts'
import { isSuccess } from './chunk.ts'
import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'

/** Deep enough for every known form, and a bound for hostile ones. */
const maxDepth = 4
const maxQuoted = 300

/** The provider's own message, if there is one. */
export function messageOf(data: unknown, depth = 0): string | undefined {
  if (typeof data === 'string') return data.trim() === '' ? undefined : shorten(data, 4000)
  if (!isRecord(data) || depth > maxDepth) return undefined
  if (Array.isArray(data)) return messageOf(data[0], depth + 1)
  // `error_msg` is Baidu's, `base_resp.status_msg` MiniMax's.
  for (const key of ['error', 'message', 'detail', 'msg', 'errors', 'error_msg', 'base_resp']) {
    const value = key === 'base_resp' ? failureOf(data[key]) : data[key]
    const message = messageOf(value, depth + 1)
    if (message !== undefined) return message
  }
  return undefined
}

/** MiniMax reports its status in each answer; 0 is success. */
function failureOf(report: unknown): unknown {
  return isRecord(report) && report['status_code'] !== 0 ? report['status_msg'] : undefined
}

/** The HTTP status in an error's code, because an error in a stream has no status of its own. */
export function statusOf(data: unknown): number | undefined {
  const error = errorOf(data)
  if (!isRecord(error)) return undefined
  for (const key of ['status', 'code', 'status_code']) {
    const status = Number(error[key])
    if (Number.isInteger(status) && status >= 400 && status < 600) return status
  }
  return undefined
}

/** Whether the type or code of an error without a status means that the same request will fail again. */
export function isPermanent(data: unknown): boolean {
  const error = errorOf(data)
  if (!isRecord(error)) return false
  const words = `${String(error['type'])} ${String(error['code'])}`
  return /invalid|auth|permission|quota|billing|context_length|policy|not_found|unsupported|BadRequest/i.test(
    words,
  )
}

function errorOf(data: unknown): unknown {
  const outer: unknown = Array.isArray(data) ? data[0] : data
  return isRecord(outer) && isRecord(outer['error']) ? outer['error'] : outer
}

/** Shortens a text to one line for an error message. */
export function quote(text: string): string {
  // Cut first: an event may be megabytes long.
  return shorten(
    text
      .slice(0, 10 * maxQuoted)
      .trim()
      .replaceAll(/\s+/g, ' '),
    maxQuoted,
  )
}

/** Whether an event that is not a chunk has a message, which is then an error. */
export const isFailureMessage = (value: JsonRecord) =>
  messageOf(value) !== undefined && !isSuccess(value)
