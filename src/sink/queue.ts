/**
 * Events as an async iterable. The queue is bounded: when the reader lags, the sink's promise holds
 * the turn back until the reader has caught up. Leaving the loop lets the turn go on unheard.
 */
import type { AgentEvent } from '../event.ts'
import type { Sink } from '../sink.ts'

/** Events that may wait before the turn is held back. */
const highWaterMark = 256

export interface EventQueue {
  sink: Sink
  /** Ends the iterable; with an error, the loop throws it after the last event. */
  end: (failure?: { reason: unknown }) => void
  events: AsyncGenerator<AgentEvent, void>
  /** Settles when the reader has left, by the end or before it. */
  left: Promise<void>
}

export function openEventQueue(): EventQueue {
  let waiting: AgentEvent[] = []
  let ended: { failure: { reason: unknown } | undefined } | undefined
  let arrival = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()
  let isLeft = false
  const left = Promise.withResolvers<void>()

  async function* read(): AsyncGenerator<AgentEvent, void> {
    try {
      for (;;) {
        const batch = waiting
        waiting = []
        room.resolve()
        room = Promise.withResolvers<void>()
        yield* batch
        if (waiting.length > 0) continue
        if (ended !== undefined) break
        await arrival.promise
      }
      if (ended.failure !== undefined) throw ended.failure.reason
    } finally {
      isLeft = true
      waiting = []
      room.resolve()
      left.resolve()
    }
  }

  return {
    sink: (event) => {
      if (isLeft) return undefined
      waiting.push(event)
      arrival.resolve()
      arrival = Promise.withResolvers<void>()
      return waiting.length < highWaterMark ? undefined : room.promise
    },
    end: (failure) => {
      ended = { failure }
      arrival.resolve()
    },
    events: read(),
    left: left.promise,
  }
}
