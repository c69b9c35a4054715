/**
 * Writes what went wrong for whoever runs the server. Keys are struck out, and what a client did by
 * itself (left, asked for nonsense) is no news.
 */
import type { LogLevel } from '../config.ts'
import { errorMessage, LoomError } from '../error.ts'

export interface ErrorLogOptions {
  logLevel: LogLevel
  redact: (text: string) => string
  writeLine: (line: string) => unknown
}

export function errorLog({ logLevel, redact, writeLine }: ErrorLogOptions) {
  return (error: unknown): void => {
    if (logLevel === 'silent') return
    const code = error instanceof LoomError ? error.code : 'internal'
    if (code === 'aborted' || code === 'invalid-request') return
    const text = code === 'internal' && error instanceof Error ? error.stack : undefined
    writeLine(`loom: ${code}: ${redact(text ?? errorMessage(error))}`)
  }
}
