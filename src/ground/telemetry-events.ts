/**
 * The telemetry events: the measurements and the metadata of each one. Their names are those of LoomEx; the
 * events of turns are Loom's own. `telemetry.ts` publishes them.
 */
import type { FinishReason } from '../event.ts'
import type { Pauses } from './pause-meter.ts'
import type { TraceHeaders } from './trace.ts'

/** The labels of each event of a run. The ids of sessions are those by which their principal names them. */
export interface RunLabels {
  /** The name of the agent. */
  agent: string
  /** The run: one call of `run`, one turn of a session in one process, or one sub-agent in them. */
  runId: string
  /** The run whose tool call started this one. Absent for a run that no tool call of this process started. */
  parentRunId?: string
  /** The tool call of the parent run that started this run. Absent without a parent run. */
  parentToolCallId?: string
  /** The outermost run above this one, or this run. */
  rootRunId: string
  /** The session. A sub-agent inside a run has that of the run. Absent without a session. */
  sessionId?: string
  /** The assistant message that the outermost run writes. */
  messageId: string
  /** The session whose tool call started this session. Absent if no session did. */
  parentSessionId?: string
  /** The session at the root of the tree, or this session. Absent without a session. */
  rootSessionId?: string
  /** The user or the tenant for whom the agent runs. Absent if there is none. */
  principal?: string
}

/** The labels of each event of a turn. The ids of sessions are those by which their principal names them. */
export interface TurnLabels {
  /** The name of the agent. */
  agent: string
  /** The session. */
  sessionId: string
  /** The assistant message of the turn. Turns that continue a message have the same one. */
  messageId: string
  /** The session whose tool call started this session. Absent if no session did. */
  parentSessionId?: string
  /** The session at the root of the tree, or this session. */
  rootSessionId: string
  /** The user or the tenant to whom the session belongs. Absent if there is none. */
  principal?: string
  /** The id of this instance. It is new at every start of a process. */
  instance: string
}

type None = Readonly<Record<string, never>>

interface Duration {
  /** The time from the start to the end, in milliseconds. */
  durationMs: number
}

interface OfStep {
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

interface RunStart {
  /** The context of the run. */
  context: unknown
}

/** Tokens and money. */
export interface SpendingMeasures {
  /** All prompt tokens, including cached ones. */
  inputTokens: number
  /** All generated tokens, including reasoning. */
  outputTokens: number
  /** The sum of `inputTokens` and `outputTokens`. */
  totalTokens: number
  /** The part of `inputTokens` that was read from the provider's prompt cache. */
  cachedInputTokens: number
  /** The part of `outputTokens` that was reasoning. */
  reasoningTokens: number
  /** The cost in US dollars. Absent if it is unknown, or if nothing was spent. */
  costUsd?: number
}

/** The tokens and the cost are those of the run and of its sub-agents. */
interface RunSize extends Duration, SpendingMeasures {
  /** The number of model calls. */
  steps: number
}

interface RunEnd {
  /** The outcome of the run, or `error` or `aborted`. */
  result: string
}

interface ModelCallStart extends OfModel {
  /** The number of messages in the prompt. */
  messageCount: number
}

interface ModelCallSize extends Duration, SpendingMeasures {
  /** The time to the first text, reasoning or call, in milliseconds. Absent without any. */
  firstContentMs?: number
}

interface ModelCallEnd extends OfModel {
  /** The reason for the end of the reply. */
  finishReason: FinishReason
  /** The pauses between the reads of the reply, after its first content. Absent without any. */
  pauses?: Pauses
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

/** The owner from which an instance took a turn. */
export interface Takeover {
  /** The instance that owned the turn before. */
  from: string
  /** `death`: its owner sent no heartbeat any more. `hand-over`: its owner gave it up. */
  reason: 'death' | 'hand-over'
}

interface TakeoverCount {
  /** How often owners of this turn died, up to the last 20 times. Hand-overs do not count. */
  deaths: number
  /**
   * The time from the last append or claim of the earlier owner to this takeover, by the clock of the store, in
   * milliseconds. Absent if the store does not report it.
   */
  silentMs?: number
}

interface TurnWait {
  /**
   * The time from the post of the letter to the start of its turn, in milliseconds, by the clocks of the two
   * instances. Absent after a takeover, and for a letter of an earlier version.
   */
  waitMs?: number
}

/** The end of a turn in one instance. */
export interface TurnEnding {
  /**
   * `finished`: the answer is stored. `waiting`: it waits for a client or a human. `error`: it failed. `stop`: it
   * was stopped, and keeps its text. `discard`: it was stopped, and its messages are removed. `hand-over`: this
   * instance gave it up. `lost`: another instance has it, or its session was deleted.
   */
  reason: 'finished' | 'waiting' | 'error' | 'stop' | 'discard' | 'hand-over' | 'lost'
  /** The message of the failure, as clients receive it. Absent if it did not fail. */
  error?: string
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
  'agent:start': [None, RunStart & RunLabels]
  /** A run has ended or failed. */
  'agent:stop': [RunSize, RunEnd & RunLabels]
  /** A step begins. */
  'step:start': [None, OfStep & RunLabels]
  /** A step has ended or failed. */
  'step:stop': [Duration, OfStep & RunLabels]
  /** A model call begins. */
  'llm:start': [None, ModelCallStart & RunLabels]
  /** A model call has ended or failed. */
  'llm:stop': [ModelCallSize, ModelCallEnd & RunLabels]
  /** A model call failed and is repeated. */
  'llm:retry': [RetryDelay, Retry & RunLabels]
  /** A tool call begins. */
  'tool:start': [None, OfCall & RunLabels]
  /** A tool call has ended with an output. */
  'tool:stop': [Duration, OfCall & RunLabels]
  /** A tool call has failed. */
  'tool:error': [Duration, OfCall & WithError & RunLabels]
  /** A conversation became shorter for the next model call. */
  'context:compact': [CompactionSize, CompactionMessages & RunLabels]
  /** An instance took the turn of another one. Its `turn:start` follows. */
  'turn:takeover': [TakeoverCount, Takeover & TurnLabels]
  /** A turn of a session begins or continues in this instance. It has the trace of its letter, if there is one. */
  'turn:start': [TurnWait, TraceHeaders & TurnLabels]
  /** A turn has ended in this instance. */
  'turn:stop': [Duration, TurnEnding & TurnLabels]
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
