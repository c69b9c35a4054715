/**
 * A run that a loop reads: `for await (const event of stream(agent, 'hi'))`. The run begins with the loop,
 * or with the first read of `result`. A loop that ends early aborts the run.
 */
import type { AgentEvent } from './event.ts'
import { LoomError } from './ground/error.ts'
import type { RunOptions } from './run-options.ts'
import type { RunResult } from './run-result.ts'
import { type EventQueue, openEventQueue } from './sink/queue.ts'

/**
 * The events of one run, for one loop, and the result of the run. `stream` returns it.
 * @throws LoomError `invalid-request` for a second loop; in the loop, as `run`
 * @example
 * ```ts
 * import { type AgentStream, defineAgent, stream } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const events: AgentStream = stream(agent, 'What is 2 + 2?')
 * for await (const { type } of events) process.stdout.write(`${type}\n`)
 * const { text } = await events.result
 * ```
 */
export interface AgentStream<OUTPUT = unknown> extends AsyncIterable<AgentEvent> {
  /**
   * The result of the run. It rejects as `run` does; a loop over the events throws the same error. If it
   * is read before a loop begins, the run starts without one, and a later loop misses the first events.
   */
  readonly result: Promise<RunResult<OUTPUT>>
}

/**
 * Returns the events of a run as they happen, with backpressure.
 * @param start begins the run with this sink and this signal. It is called once at most.
 * @param outside aborts the run, in addition to the end of the loop
 */
export function eventsOf<OUTPUT>(
  start: (options: Required<Pick<RunOptions, 'sink' | 'signal'>>) => Promise<RunResult<OUTPUT>>,
  outside: AbortSignal | undefined,
): AgentStream<OUTPUT> {
  let queue: EventQueue | undefined
  let result: Promise<RunResult<OUTPUT>> | undefined
  const loopEnd = new AbortController()
  const signal = outside === undefined ? loopEnd.signal : AbortSignal.any([outside, loopEnd.signal])

  const begin = () => {
    result ??= start({ signal, sink: (event) => queue?.sink(event) })
    return result
  }

  return {
    get result() {
      return begin()
    },
    [Symbol.asyncIterator]() {
      if (queue !== undefined) {
        throw new LoomError('invalid-request', 'A stream of events can be looped over only once.')
      }
      const { events, end, departure } = (queue = openEventQueue())
      begin().then(
        () => end(),
        (reason: unknown) => end({ reason }),
      )
      void departure.then(() => loopEnd.abort())
      return events
    },
  }
}
