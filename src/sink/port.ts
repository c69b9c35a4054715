/**
 * Sends every event to a worker, a parent thread, a window: anything with `postMessage`. What comes
 * out on the other side are the events themselves, as structured clones.
 */
import type { AgentEvent } from '../event.ts'
import type { Sink } from '../sink.ts'

/** The one method of a `MessagePort`, `Worker`, `parentPort` or `BroadcastChannel` that is needed. */
export interface PostTarget {
  postMessage(event: AgentEvent): void
}

/** A sink that posts each event to a port, which never holds the turn back. */
export function portSink(target: PostTarget): Sink {
  return (event) => target.postMessage(event)
}
