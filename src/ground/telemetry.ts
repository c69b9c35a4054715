/**
 * The telemetry of a run: the events of LoomEx on `node:diagnostics_channel`, one channel each,
 * named `loom:<event>`. Without a subscriber no message is built. Every message is `{ measurements,
 * metadata }`. Durations are in milliseconds.
 */
import { channel } from 'node:diagnostics_channel'

import type { FinishReason } from '../event.ts'

type None = Readonly<Record<string, never>>

interface Duration {
  /** The time from the start to the end, in milliseconds. */
  durationMs: number
}

interface OfAgent {
  /** The name of the agent. */
  agent: string
}

interface OfStep extends OfAgent {
  /** The number of the step in the run, from 1. */
  step: number
}

interface OfModel {
  /** The model, as `provider/model-id`. */
  model: string
}

interface OfCall {
  /** The name of the tool. */
  tool: string
  /** The id of the call. */
  toolCallId: string
}

interface WithError {
  /** The message of the failure. */
  error: string
}

interface RunStart extends OfAgent {
  /** The context of the run. */
  context: unknown
}

interface RunSize extends Duration {
  /** The number of model calls. */
  steps: number
}

interface RunEnd extends OfAgent {
  /** The outcome of the run, or `error` or `aborted`. */
  result: string
}

interface ModelCallStart extends OfModel {
  /** The number of messages in the prompt. */
  messageCount: number
}

interface ModelCallSize extends Duration {
  /** All prompt tokens, including cached ones. */
  inputTokens: number
  /** All generated tokens, including reasoning. */
  outputTokens: number
  /** The cost in US dollars. Absent if it is unknown. */
  costUsd?: number
}

interface ModelCallEnd extends OfModel {
  /** The reason for the end of the reply. */
  finishReason: FinishReason
}

interface RetryDelay {
  /** The pause before the next attempt, in milliseconds. */
  delayMs: number
}

interface Retry extends OfModel, WithError {
  /** The number of the attempt that failed, from 1. */
  attempt: number
}

interface CompactionSize {
  /** The estimated size before, in tokens. */
  tokensBefore: number
  /** The estimated size after, in tokens. */
  tokensAfter: number
}

interface CompactionMessages {
  /** The number of messages that were removed or summarised. */
  removed: number
  /** The number of messages that stay. */
  kept: number
}

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
  /** A run begins. */
  'agent:start': [None, RunStart]
  /** A run has ended or failed. */
  'agent:stop': [RunSize, RunEnd]
  /** A step begins. */
  'step:start': [None, OfStep]
  /** A step has ended or failed. */
  'step:stop': [Duration, OfStep]
  /** A model call begins. */
  'llm:start': [None, ModelCallStart]
  /** A model call has ended or failed. */
  'llm:stop': [ModelCallSize, ModelCallEnd]
  /** A model call failed and is repeated. */
  'llm:retry': [RetryDelay, Retry]
  /** A tool call begins. */
  'tool:start': [None, OfCall]
  /** A tool call has ended with an output. */
  'tool:stop': [Duration, OfCall]
  /** A tool call has failed. */
  'tool:error': [Duration, OfCall & WithError]
  /** A conversation became shorter for the next model call. */
  'context:compact': [CompactionSize, CompactionMessages]
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
  /** The numbers of the event, such as durations in milliseconds. */
  measurements: TelemetryEvents[EVENT][0]
  /** The names and ids of the event, such as the agent or the tool. */
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
