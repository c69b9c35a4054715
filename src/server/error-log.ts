/**
 * Writes errors for the operator of the server. It removes keys, and it leaves out faults of
 * clients (an aborted request, bad input). The failures of one store outage become a few lines.
 * Each error is one line, also with a stack: its line ends are escaped.
 */
import type { LogLevel } from '../config.ts'
import { errorMessage, LoomError, type LoomErrorCode } from '../ground/error.ts'
import { logLine } from './log-line.ts'
import { Outage } from './outage.ts'

export interface ErrorEntry {
  code: LoomErrorCode
  /** The text of the error, without keys. */
  text: string
}

export interface ErrorLogOptions {
  logLevel: LogLevel
  redact: (text: string) => string
  /** @param entry the same error in parts, for a log in another form */
  writeLine: (line: string, entry: ErrorEntry) => unknown
  /** @defaultValue a new one */
  outage?: Outage
}

export function errorLog(options: ErrorLogOptions) {
  const { logLevel, redact, writeLine, outage = new Outage() } = options
  return (error: unknown): void => {
    if (logLevel === 'silent') return
    const code = error instanceof LoomError ? error.code : 'internal'
    if (code === 'aborted' || code === 'invalid-request') return
    const whole = redact(textOf(error, code))
    const text = code === 'unavailable' ? outage.lineOf(whole) : whole
    if (text !== undefined) writeLine(logLine(`loom: ${code}: ${text}`), { code, text })
  }
}

/**
 * Adds a stack if the fault may be Loom's own, and not that of the store. Adds the cause if the store failed, because no
 * client receives it.
 */
function textOf(error: unknown, code: LoomErrorCode): string {
  if (!(error instanceof Error)) return errorMessage(error)
  const isOfStore = error.cause instanceof LoomError && error.cause.code === 'unavailable'
  const text = (code === 'internal' && !isOfStore && error.stack) || errorMessage(error)
  const hasReason = error.cause !== undefined && (code === 'unavailable' || code === 'internal')
  const reason = hasReason ? errorMessage(error.cause) : ''
  return reason === '' || text.includes(reason) ? text : `${text} Cause: ${reason}`
}
