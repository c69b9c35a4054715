/**
 * The telemetry of a run: the events of LoomEx on `node:diagnostics_channel`, one channel each,
 * named `loom:<event>`. Without a subscriber no message is built. Every message is `{ measurements,
 * metadata }`. Durations are in milliseconds.
 */
import { channel } from 'node:diagnostics_channel'

import type { FinishReason } from '../event.ts'

type None = Readonly<Record<string, never>>

/**
 * The telemetry events, each with its measurements and its metadata. `node:diagnostics_channel` publishes each
 * one on the channel `loom:<event>`. Durations and delays are in milliseconds.
 * @example
 * ```ts
 * import type { TelemetryEvents } from 'loomkit'
 *
 * type ModelCall = TelemetryEvents['llm:stop'][0]
 * const tokensOf = ({ inputTokens, outputTokens }: ModelCall) => inputTokens + outputTokens
 * ```
 */
export interface TelemetryEvents {
  'agent:start': [None, { agent: string; context: unknown }]
  /** `result` is the outcome of the run, `error` or `aborted`. */
  'agent:stop': [{ durationMs: number; steps: number }, { agent: string; result: string }]
  'step:start': [None, { agent: string; step: number }]
  'step:stop': [{ durationMs: number }, { agent: string; step: number }]
  'llm:start': [None, { model: string; messageCount: number }]
  /** `costUsd` in US dollars, if it is known. */
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

/**
 * The name of a telemetry event. The name of its channel is `loom:` and this name.
 * @example
 * ```ts
 * import { channel } from 'node:diagnostics_channel'
 * import type { TelemetryEvent } from 'loomkit'
 *
 * const event: TelemetryEvent = 'tool:stop'
 * channel(`loom:${event}`).subscribe((message) => process.emitWarning(JSON.stringify(message)))
 * ```
 */
export type TelemetryEvent = keyof TelemetryEvents

/**
 * The message on the channel `loom:<event>`: its measurements and its metadata.
 * @example
 * ```ts
 * import type { TelemetryMessage } from 'loomkit'
 *
 * const line = ({ measurements, metadata }: TelemetryMessage<'tool:stop'>) =>
 *   `${metadata.tool} took ${measurements.durationMs} ms`
 * ```
 */
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

/** Publishes an event. Its message is built only if the channel has a subscriber. */
export function publish<EVENT extends TelemetryEvent>(
  event: EVENT,
  build: () => TelemetryEvents[EVENT],
): void {
  if (!channels[event].hasSubscribers) return
  const [measurements, metadata] = build()
  channels[event].publish({ measurements, metadata })
}

/**
 * Writes one line for each telemetry event, for development.
 * @param write receives a line without its newline. @defaultValue writes to stderr
 * @returns a function that detaches the logger
 * @example
 * ```ts
 * import { attachDefaultLogger } from 'loomkit'
 *
 * const detach = attachDefaultLogger()
 * detach()
 * ```
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

/** The context may contain anything, also secrets, so it is never written. */
function fieldsOf(message: unknown): string {
  if (typeof message !== 'object' || message === null) return ''
  return Object.values(message)
    .flatMap((group: object) => Object.entries(group))
    .filter(([key]) => key !== 'context')
    .map(([key, value]) => `${key}=${fieldOf(value)}`)
    .join(' ')
}

/** Quotes a value that is more than one word: error texts contain spaces and also newlines. */
function fieldOf(value: unknown): string {
  if (typeof value === 'number') return String(Math.round(value))
  const text = String(value)
  return /^[\w./:@-]+$/.test(text) ? text : JSON.stringify(text)
}
