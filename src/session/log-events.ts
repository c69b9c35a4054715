/** The events of logs as an async iterable, for callers in the same process. */
import { type AgentEvent, isForClients } from '../event.ts'
import type { Sink } from '../sink.ts'
import { openEventQueue } from '../sink/queue.ts'
import type { LogEntry } from '../store/log.ts'
import type { Place } from './place.ts'
import type { Readers } from './readers.ts'
import type { FollowEnd } from './tail-reader.ts'

/**
 * Returns the events that `produce` sends to its sink. If the loop over them ends early, the signal of
 * `produce` aborts.
 */
export async function* eventsFrom(
  signal: AbortSignal | undefined,
  produce: (sink: Sink, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<AgentEvent, void> {
  const queue = openEventQueue()
  const loopEnd = new AbortController()
  const until = signal === undefined ? loopEnd.signal : AbortSignal.any([signal, loopEnd.signal])
  produce(queue.sink, until).then(
    () => queue.end(),
    (reason: unknown) => queue.end({ reason }),
  )
  try {
    yield* queue.events
  } finally {
    loopEnd.abort()
  }
}

/** Sends a log from a place to its end. `after` is the last entry that was read. */
export async function readLogInto(
  sink: Sink,
  readers: Pick<Readers, 'follow'>,
  { sessionId, place, signal }: { sessionId: string; place: Place; signal: AbortSignal },
): Promise<{ end: FollowEnd; after: string | undefined }> {
  const { logId, after, skip } = place
  let first = skip
  let read = after
  const deliver = ({ id, events }: LogEntry) => {
    const from = first
    first = 0
    read = id
    return sendFrom(sink, events, from)
  }
  const end = await readers.follow({ sessionId, logId, after, signal, deliver })
  return { end, after: read }
}

/** A sink that takes an event at once costs no promise for each token. */
function sendFrom(sink: Sink, events: LogEntry['events'], from: number): void | Promise<void> {
  for (let index = from; index < events.length; index++) {
    const event = events[index]
    const wait = event !== undefined && isForClients(event) ? sink(event) : undefined
    if (wait instanceof Promise) return wait.then(() => sendFrom(sink, events, index + 1))
  }
}
