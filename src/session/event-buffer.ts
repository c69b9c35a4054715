import { eventWeight } from '../event-weight.ts'
/** The events of a turn that wait for the next append to its log. */
import type { LogEvent } from '../event.ts'
import { pieceWeight } from '../ground/json/pieces.ts'

/**
 * Events that never end an entry. The event after them shows whether the turn is done: if an owner died
 * between the two, a whole answer would look like a partial one.
 */
const neverLast: ReadonlySet<LogEvent['type']> = new Set(['finish-step', 'abort', 'error'])

/** The number of characters of deltas, outputs and data that may wait before the turn must wait. */
const waitingMax = 1_000_000

export class EventBuffer {
  #events: LogEvent[] = []
  #size = 0
  /** The large events in `#events`. Each of them ends an entry, so that an entry has one at most. */
  #large: LogEvent[] = []

  get length(): number {
    return this.#events.length
  }

  /** Whether the turn must wait for an append. */
  get isFull(): boolean {
    return this.#size > waitingMax
  }

  /** The number of events that the next entry may have. */
  get sendable(): number {
    return this.#events.findLastIndex(({ type }) => !neverLast.has(type)) + 1
  }

  /** Merges adjacent deltas of one part, so that a slow store gets fewer bytes and not more. */
  add(event: LogEvent): void {
    const last = this.#events.at(-1)
    const merged = last === undefined ? undefined : mergedDelta(last, event)
    if (merged === undefined) this.#events.push(event)
    else this.#events[this.#events.length - 1] = merged
    if ('delta' in event) this.#size += event.delta.length
    else this.#addValue(event)
  }

  #addValue(event: LogEvent): void {
    const weight = eventWeight(event)
    this.#size += weight
    if (weight < pieceWeight) return
    this.#large.push(event)
    this.#size = waitingMax + 1
  }

  /** Removes and returns the first events: at most `sendable`, or those up to the first large one. */
  take(sendable: number): LogEvent[] {
    const large = this.#large.shift()
    const count = large === undefined ? sendable : this.#events.indexOf(large) + 1
    // A copy of this size: an array that grew has room for many more elements, and the log is kept.
    const events = this.#events.slice(0, count)
    this.#events = this.#events.slice(count)
    this.#size = 0
    return events
  }

  clear(): void {
    this.#events = []
    this.#large = []
  }
}

function mergedDelta(last: LogEvent, event: LogEvent): LogEvent | undefined {
  if (last.type === 'text-delta' || last.type === 'reasoning-delta') {
    if (event.type !== last.type || event.id !== last.id) return undefined
    if (event.providerMetadata !== undefined || last.providerMetadata !== undefined)
      return undefined
    return { type: last.type, id: last.id, delta: last.delta + event.delta }
  }
  if (last.type !== 'tool-input-delta' || event.type !== last.type) return undefined
  const { type, toolCallId, inputTextDelta } = event
  if (toolCallId !== last.toolCallId) return undefined
  return { type, toolCallId, inputTextDelta: last.inputTextDelta + inputTextDelta }
}
