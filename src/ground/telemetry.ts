/**
 * Telemetry on `node:diagnostics_channel`: one channel for each event, named `loom:<event>`. Without a
 * subscriber no message is built. Every message is `{ measurements, metadata }`. Durations are in
 * milliseconds.
 */
import { channel } from 'node:diagnostics_channel'

import type {
  RunLabels,
  TelemetryEvent,
  TelemetryEvents,
  TelemetryMessage,
  TurnLabels,
} from './telemetry-events.ts'

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
  'turn:takeover': channel('loom:turn:takeover'),
  'turn:start': channel('loom:turn:start'),
  'turn:stop': channel('loom:turn:stop'),
} satisfies Record<TelemetryEvent, unknown>

/** The labels in the metadata of an event. */
type LabelsOf<EVENT extends TelemetryEvent> = EVENT extends RunEvent ? RunLabels : TurnLabels

/** The measurements of an event, and its metadata without the labels. */
export type OwnFields<EVENT extends TelemetryEvent> = [
  TelemetryEvents[EVENT][0],
  Omit<TelemetryEvents[EVENT][1], keyof LabelsOf<EVENT>>,
]

/** The events of runs. The others are events of turns. */
export type RunEvent = Exclude<TelemetryEvent, `turn:${string}`>

/** Whether an event has a subscriber. */
export const hasSubscriber = (event: TelemetryEvent): boolean => channels[event].hasSubscribers

/** Publishes an event. Its message and its labels are built only if the channel has a subscriber. */
export function publish<EVENT extends TelemetryEvent>(
  event: EVENT,
  labels: () => LabelsOf<EVENT>,
  build: () => OwnFields<EVENT>,
): void {
  if (!channels[event].hasSubscribers) return
  const [measurements, metadata] = build()
  channels[event].publish({ measurements, metadata: { ...labels(), ...metadata } })
}

/** Calls `receive` for each event. Returns the function that ends the subscription. */
export function subscribeTo<EVENT extends TelemetryEvent>(
  event: EVENT,
  receive: (message: TelemetryMessage<EVENT>) => void,
): () => void {
  const listener = (message: unknown) => {
    if (isMessage<EVENT>(message)) receive(message)
  }
  const target = channels[event]
  target.subscribe(listener)
  return () => target.unsubscribe(listener)
}

/** `publish` is the only publisher of these channels, and its type is that of the event. */
const isMessage = <EVENT extends TelemetryEvent>(
  message: unknown,
): message is TelemetryMessage<EVENT> =>
  typeof message === 'object' && message !== null && 'measurements' in message

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
    .map(([key, value]) => {
      const [name, single] = key === 'pauses' ? ['longestPauseMs', value.longestMs] : [key, value]
      return `${name}=${fieldOf(single)}`
    })
    .join(' ')
}

/** Quotes a value that is more than one word: error texts contain spaces and also newlines. */
function fieldOf(value: unknown): string {
  if (typeof value === 'number') return String(Math.round(value))
  const text = String(value)
  return /^[\w./:@-]+$/.test(text) ? text : JSON.stringify(text)
}
