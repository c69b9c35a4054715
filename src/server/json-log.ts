/**
 * The log of a server as lines of JSON, for a log collector: one line for each request, turn, takeover, failed
 * authentication, notice and error. The lines name requests, sessions, messages and principals by their ids, and
 * contain no text of a message. The lines are written beside the work, because a collector that reads slowly
 * must not stop the server. If it reads nothing at all, lines are lost after a mebibyte.
 */
import { pino } from 'pino'

import type { LogLevel } from '../config.ts'
import { subscribeTo } from '../ground/telemetry.ts'
import type { ErrorEntry } from './error-log.ts'
import { requestLog } from './request-log.ts'
import type { RequestWatch } from './request-watch.ts'

export interface JsonLog {
  readonly watch: RequestWatch
  notice: (text: string) => void
  /** A line of telemetry, for development. */
  debug: (text: string) => void
  error: (entry: ErrorEntry) => void
  /** Writes the lines that wait, and ends the subscriptions. */
  close: () => void
}

export interface JsonLogOptions {
  level: LogLevel
  redact: (text: string) => string
}

const waitingBytesMax = 1024 * 1024
const stderrDescriptor = 2

export function openJsonLog({ level, redact }: JsonLogOptions): JsonLog {
  const destination = pino.destination({
    dest: stderrDescriptor,
    sync: false,
    maxLength: waitingBytesMax,
  })
  // A log that cannot be written must not end the server.
  destination.on('error', () => {})
  const logger = pino(
    {
      level,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  const ends = [
    subscribeTo('turn:stop', ({ measurements, metadata: { reason, error, ...ids } }) => {
      const fields = {
        event: 'turn',
        outcome: reason,
        durationMs: rounded(measurements.durationMs),
      }
      const failure = error === undefined ? {} : { error: redact(error) }
      logger[reason === 'error' ? 'error' : 'info']({ ...fields, ...idsOf(ids), ...failure })
    }),
    subscribeTo('turn:takeover', ({ measurements, metadata: { reason, from, ...ids } }) => {
      const { deaths, silentMs } = measurements
      logger.info({ event: 'takeover', reason, from, deaths, silentMs, ...idsOf(ids) })
    }),
  ]
  return {
    watch: requestLog((severity, fields) => logger[severity](fields)),
    notice: (text) => logger.info({ event: 'notice' }, text),
    debug: (text) => logger.debug({ event: 'telemetry' }, text),
    error: ({ code, text }) => logger.error({ event: 'error', code }, text),
    close() {
      ends.forEach((end) => end())
      destination.flushSync()
    },
  }
}

interface TurnIds {
  agent: string
  sessionId: string
  messageId: string
  parentSessionId?: string
  principal?: string
  instance: string
}

const idsOf = ({ agent, sessionId, messageId, parentSessionId, principal, instance }: TurnIds) => ({
  agent,
  sessionId,
  messageId,
  parentSessionId,
  principal,
  instance,
})

const rounded = (ms: number): number => Math.round(ms * 10) / 10
