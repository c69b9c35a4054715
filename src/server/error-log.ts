/**
 * Writes what went wrong for whoever runs the server. Keys are struck out, and what a client did by
 * itself (left, asked for nonsense) is no news. What a store that is away makes fail is one story. Each
 * error is one line, a stack too, with its line ends escaped.
 */
import type { LogLevel } from '../config.ts'
import { errorMessage, LoomError, type LoomErrorCode } from '../ground/error.ts'
import { logLine } from './log-line.ts'
import { Outage } from './outage.ts'

export interface ErrorLogOptions {
  logLevel: LogLevel
  redact: (text: string) => string
  writeLine: (line: string) => unknown
  /** @defaultValue a new one */
  outage?: Outage
}

export function errorLog(options: ErrorLogOptions) {
  const { logLevel, redact, writeLine, outage = new Outage() } = options
  return (error: unknown): void => {
    if (logLevel === 'silent') return
    const code = error instanceof LoomError ? error.code : 'internal'
    if (code === 'aborted' || code === 'invalid-request') return
    const line = logLine(`loom: ${code}: ${redact(textOf(error, code))}`)
    const told = code === 'unavailable' ? outage.told(line) : line
    if (told !== undefined) writeLine(told)
  }
}

/** A stack where the fault may be Loom's own. What a store answered is the cause, since no client gets it. */
function textOf(error: unknown, code: LoomErrorCode): string {
  if (!(error instanceof Error)) return errorMessage(error)
  const text = (code === 'internal' && error.stack) || errorMessage(error)
  const hasReason = error.cause !== undefined && (code === 'unavailable' || code === 'internal')
  const reason = hasReason ? errorMessage(error.cause) : ''
  return reason === '' || text.includes(reason) ? text : `${text} Cause: ${reason}`
}
