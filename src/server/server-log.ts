/** The log of a server on stderr, in one of its two forms. The library of the JSON form loads only for that form. */
import type { Config } from '../config.ts'
import type { ErrorEntry } from './error-log.ts'
import { logLine } from './log-line.ts'
import type { RequestWatch } from './request-watch.ts'

export interface ServerLog {
  /** Receive each request. The text form has no lines of requests. */
  readonly watches: readonly RequestWatch[]
  /** A fact for the operator that is no error. */
  notice: (text: string) => void
  /** A line for development. */
  debug: (text: string) => void
  /** @param line the error as a line of text */
  error: (line: string, entry: ErrorEntry) => void
  close: () => void
}

export interface ServerLogOptions {
  config: Pick<Config, 'logFormat' | 'logLevel'>
  stderr: NodeJS.WriteStream
  /** Removes keys. */
  redact: (text: string) => string
}

export async function openServerLog(options: ServerLogOptions): Promise<ServerLog> {
  const { config, redact } = options
  if (config.logFormat === 'text') return textLog(options)
  const { openJsonLog } = await import('./json-log.ts')
  const log = openJsonLog({ level: config.logLevel, redact })
  return { ...log, watches: [log.watch], error: (_, entry) => log.error(entry) }
}

function textLog({ config: { logLevel }, stderr }: ServerLogOptions): ServerLog {
  const write = (line: string) => void stderr.write(`${logLine(line)}\n`)
  return {
    watches: [],
    notice(text) {
      if (logLevel !== 'silent') write(`loom: ${text}`)
    },
    debug: write,
    error: write,
    close: () => {},
  }
}
