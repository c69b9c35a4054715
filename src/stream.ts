/**
 * A run that a loop reads: `for await (const event of stream(agent, 'hi'))`. The run begins
 * with the loop, or with the first look at `result`. Leaving the loop early aborts the run.
 */
import type { AgentEvent } from './event.ts'
import { LoomError } from './ground/error.ts'
import type { RunOptions } from './run-options.ts'
import type { RunResult } from './run-result.ts'
import { type EventQueue, openEventQueue } from './sink/queue.ts'

/** The events of one run, to loop over once, and what it came to. */
export interface AgentStream extends AsyncIterable<AgentEvent> {
  /**
   * What `run` gives. Rejects as `run` does; a loop over the events throws the same error. Without a
   * loop the events go nowhere, and a loop that comes later has missed them.
   */
  readonly result: Promise<RunResult>
}

/**
 * Returns the events of a run as they happen, with backpressure.
 * @param start begins the run with this sink and this signal. It is called once at most.
 * @param outside aborts the run, in addition to the end of the loop
 */
export function eventsOf(
  start: (options: Required<Pick<RunOptions, 'sink' | 'signal'>>) => Promise<RunResult>,
  outside: AbortSignal | undefined,
): AgentStream {
  let queue: EventQueue | undefined
  let running: Promise<RunResult> | undefined
  const leaving = new AbortController()
  const signal = outside === undefined ? leaving.signal : AbortSignal.any([outside, leaving.signal])

  const begin = () => {
    running ??= start({ signal, sink: (event) => queue?.sink(event) })
    return running
  }

  return {
    get result() {
      return begin()
    },
    [Symbol.asyncIterator]() {
      if (queue !== undefined) {
        throw new LoomError('invalid-request', 'A stream of events can be looped over only once.')
      }
      const { events, end, left } = (queue = openEventQueue())
      begin().then(
        () => end(),
        (reason: unknown) => end({ reason }),
      )
      void left.then(() => leaving.abort())
      return events
    },
  }
}
