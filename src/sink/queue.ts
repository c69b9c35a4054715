/**
 * Events as an async iterable. The queue is bounded: if the reader lags, the promise of the sink
 * delays the turn until the reader has caught up. A reader may leave the loop; the turn goes on
 * without it. This is not a generator, because a generator cannot be left while it waits for its
 * next event.
 */
import type { AgentEvent } from '../event.ts'
import type { Sink } from '../sink.ts'

/** The number of events that may wait before the turn is delayed. */
const highWaterMark = 256

export interface EventQueue {
  sink: Sink
  /** Ends the iterable. With a failure, the loop throws its reason after the last event. */
  end: (failure?: { reason: unknown }) => void
  events: AsyncIterableIterator<AgentEvent, undefined>
  /** Settles when the reader leaves before the end. */
  departure: Promise<void>
}

interface Reader {
  resolve: (result: IteratorResult<AgentEvent, undefined>) => void
  reject: (reason: unknown) => void
}

const done = { done: true, value: undefined } as const

export function openEventQueue(): EventQueue {
  const departure = Promise.withResolvers<void>()
  let queue: AgentEvent[] = []
  /**
   * The number of read events in `queue`. To shift them off one by one would copy the rest each
   * time.
   */
  let readCount = 0
  /** Calls of `next` that wait for an event. */
  const readers: Reader[] = []
  let ending: { failure: { reason: unknown } | undefined } | undefined
  let room: PromiseWithResolvers<void> | undefined

  const makeRoom = () => {
    queue = []
    readCount = 0
    room?.resolve()
    room = undefined
  }
  const settle = ({ resolve, reject }: Reader) => {
    const failure = ending?.failure
    if (ending !== undefined) ending.failure = undefined
    if (failure === undefined) resolve(done)
    else reject(failure.reason)
  }
  const end = (failure?: { reason: unknown }) => {
    ending ??= { failure }
    for (const reader of readers.splice(0)) settle(reader)
  }

  const events: EventQueue['events'] = {
    [Symbol.asyncIterator]: () => events,
    next: () =>
      new Promise((resolve, reject) => {
        const value = queue[readCount]
        if (value !== undefined) {
          if (++readCount === queue.length) makeRoom()
          resolve({ done: false, value })
        } else if (ending === undefined) readers.push({ resolve, reject })
        else settle({ resolve, reject })
      }),
    return: () => {
      if (ending === undefined) departure.resolve()
      makeRoom()
      end()
      return Promise.resolve(done)
    },
  }

  return {
    events,
    end,
    departure: departure.promise,
    sink: (event) => {
      if (ending !== undefined) return undefined
      const reader = readers.shift()
      if (reader !== undefined) {
        reader.resolve({ done: false, value: event })
        return undefined
      }
      queue.push(event)
      if (queue.length < highWaterMark) return undefined
      room ??= Promise.withResolvers()
      return room.promise
    },
  }
}
