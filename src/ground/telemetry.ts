/**
 * What can be observed of a run: LoomEx's events on `node:diagnostics_channel`, one channel each,
 * named `loom:<event>`. Without a subscriber nothing is built. Every message is
 * `{ measurements, metadata }`; durations are in milliseconds.
 */
import { channel } from 'node:diagnostics_channel'

import type { FinishReason } from '../event.ts'

type None = Readonly<Record<string, never>>

/** Every event, with its measurements and metadata. */
export interface TelemetryEvents {
  'agent:start': [None, { agent: string; context: unknown }]
  /** `result` is the outcome of the run, `error` or `aborted`. */
  'agent:stop': [{ durationMs: number; steps: number }, { agent: string; result: string }]
  'step:start': [None, { agent: string; step: number }]
  'step:stop': [{ durationMs: number }, { agent: string; step: number }]
  'llm:start': [None, { model: string; messageCount: number }]
  /** `costUsd` where it is known. */
  'llm:stop': [
    { durationMs: number; inputTokens: number; outputTokens: number; costUsd?: number },
    { model: string; finishReason: FinishReason },
  ]
  'llm:retry': [{ delayMs: number }, { model: string; attempt: number; error: string }]
  'tool:start': [None, { tool: string; toolCallId: string }]
  'tool:stop': [{ durationMs: number }, { tool: string; toolCallId: string }]
  'tool:error': [{ durationMs: number }, { tool: string; toolCallId: string; error: string }]
  /** `removed` and `kept` count messages. */
  'context:compact': [
    { tokensBefore: number; tokensAfter: number },
    { removed: number; kept: number },
  ]
}

/** Its name; its channel has `loom:` before it. */
export type TelemetryEvent = keyof TelemetryEvents

/** What a subscriber of `loom:<event>` is given. */
export interface TelemetryMessage<EVENT extends TelemetryEvent = TelemetryEvent> {
  measurements: TelemetryEvents[EVENT][0]
  metadata: TelemetryEvents[EVENT][1]
}

const channels = {
  'agent:start': channel('loom:agent:start'),
  'agent:stop': channel('loom:agent:stop'),
  'step:start': channel('loom:step:start'),
  'step:stop': channel('loom:step:stop'),
  'llm:start': channel('loom:llm:start'),
  'llm:stop': channel('loom:llm:stop'),
  'llm:retry': channel('loom:llm:retry'),
  'tool:start': channel('loom:tool:start'),
  'tool:stop': channel('loom:tool:stop'),
  'tool:error': channel('loom:tool:error'),
  'context:compact': channel('loom:context:compact'),
} satisfies Record<TelemetryEvent, unknown>

/** Publishes an event. Its message is only built if anybody listens. */
export function publish<EVENT extends TelemetryEvent>(
  event: EVENT,
  build: () => TelemetryEvents[EVENT],
): void {
  if (!channels[event].hasSubscribers) return
  const [measurements, metadata] = build()
  channels[event].publish({ measurements, metadata })
}

/**
 * Writes one line an event, for development.
 * @param write takes a line without its newline. @defaultValue writes to stderr
 * @returns a function that detaches the logger.
 */
export function attachDefaultLogger(
  write: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): () => void {
  const detach = Object.entries(channels).map(([event, target]) => {
    const log = (message: unknown) => write(`[loom] ${event} ${fieldsOf(message)}`)
    target.subscribe(log)
    return () => target.unsubscribe(log)
  })
  return () => detach.forEach((undo) => undo())
}

/** The context may hold anything, secrets too, so it is never written. */
function fieldsOf(message: unknown): string {
  if (typeof message !== 'object' || message === null) return ''
  return Object.values(message)
    .flatMap((group: object) => Object.entries(group))
    .filter(([key]) => key !== 'context')
    .map(([key, value]) => `${key}=${fieldOf(value)}`)
    .join(' ')
}

/** In quotes where it is more than a word: error texts hold spaces, and newlines too. */
function fieldOf(value: unknown): string {
  if (typeof value === 'number') return String(Math.round(value))
  const text = String(value)
  return /^[\w./:@-]+$/.test(text) ? text : JSON.stringify(text)
}
