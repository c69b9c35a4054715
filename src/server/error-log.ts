/**
 * Writes what went wrong for whoever runs the server. Keys are struck out, and what a client did by
 * itself (left, asked for nonsense) is no news. What a store that is away makes fail is one story.
 */
import type { LogLevel } from '../config.ts'
import { errorMessage, LoomError } from '../error.ts'
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
    const text = code === 'internal' && error instanceof Error ? error.stack : undefined
    const line = `loom: ${code}: ${redact(text ?? errorMessage(error))}`
    const told = code === 'unavailable' ? outage.told(line) : line
    if (told !== undefined) writeLine(told)
  }
}
