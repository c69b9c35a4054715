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
  const deliver = async ({ id, events }: LogEntry) => {
    const from = first
    first = 0
    read = id
    for (const event of from === 0 ? events : events.slice(from)) {
      if (isForClients(event)) await sink(event)
    }
  }
  const end = await readers.follow({ sessionId, logId, after, signal, deliver })
  return { end, after: read }
}
