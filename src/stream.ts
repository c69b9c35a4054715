/**
 * A run as something to loop over: `for await (const event of stream(agent, 'hi'))`. The run begins
 * with the loop, or with the first look at `result`. Leaving the loop early aborts the run.
 */
import type { ModelMessage } from 'ai'

import type { Agent } from './agent.ts'
import { LoomError } from './error.ts'
import type { AgentEvent } from './event.ts'
import { type RunOptions } from './run-options.ts'
import { type RunResult } from './run-result.ts'
import { run } from './runner.ts'
import { type EventQueue, openEventQueue } from './sink/queue.ts'

/** The events of one run, to loop over once, and what it came to. */
export interface AgentStream extends AsyncIterable<AgentEvent> {
  /**
   * What `run` gives. Rejects as `run` does; a loop over the events throws the same error. Without a
   * loop the events go nowhere, and a loop that comes later has missed them.
   */
  readonly result: Promise<RunResult>
}

/** Runs an agent and gives its events as they happen, with backpressure. One loop hears them. */
export function stream<CONTEXT = unknown>(
  agent: Agent<CONTEXT>,
  messages: string | readonly ModelMessage[],
  options: Omit<RunOptions<CONTEXT>, 'sink'> = {},
): AgentStream {
  let queue: EventQueue | undefined
  let running: Promise<RunResult> | undefined
  const leaving = new AbortController()
  const signal =
    options.signal === undefined
      ? leaving.signal
      : AbortSignal.any([options.signal, leaving.signal])

  const begin = () => {
    running ??= run(agent, messages, {
      ...options,
      signal,
      sink: (event) => queue?.sink(event),
    })
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
