/**
 * What a provider's error says. OpenAI's `{ error: { message, type, code } }` has many relatives:
 * `{ error: "…" }`, `{ message }`, FastAPI's `{ detail }`, Google's list around it.
 */
import { isSuccess } from './chunk.ts'
import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'

/** Deep enough for every known form, and an end to hostile ones. */
const maxDepth = 4
const maxQuoted = 300

/** The provider's own words, if there are any. */
export function messageOf(data: unknown, depth = 0): string | undefined {
  if (typeof data === 'string') return data.trim() === '' ? undefined : clip(data, 4000)
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

/** The HTTP status that an error names as its code, as it has none of its own in a stream. */
export function statusOf(data: unknown): number | undefined {
  const error = errorOf(data)
  if (!isRecord(error)) return undefined
  for (const key of ['status', 'code', 'status_code']) {
    const status = Number(error[key])
    if (Number.isInteger(status) && status >= 400 && status < 600) return status
  }
  return undefined
}

/** Whether an error without a status says that the same request will fail again. */
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

/** A text as it can stand in one line of an error message. */
export function quote(text: string): string {
  // Cut first: an event may be megabytes long.
  return clip(
    text
      .slice(0, 10 * maxQuoted)
      .trim()
      .replaceAll(/\s+/g, ' '),
    maxQuoted,
  )
}

const clip = (text: string, length: number) =>
  text.length > length ? `${text.slice(0, length)}…` : text

/** An event that is no chunk and says something says what is wrong. */
export const isFailureMessage = (value: JsonRecord) =>
  messageOf(value) !== undefined && !isSuccess(value)
