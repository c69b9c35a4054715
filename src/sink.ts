/**
 * The receiver of a turn's events. A sink that returns a promise delays the turn until the promise
 * settles: this is the backpressure. A sink that returns nothing costs nothing. An error or a
 * rejection of the sink ends the turn with that error.
 */
import type { AgentEvent } from './event.ts'

/**
 * Receives the events of a run, one after the other. If it returns a promise, the run waits until the promise
 * settles. If it throws or rejects, the run ends with that error.
 * @example
 * ```ts
 * import { defineAgent, run, type Sink } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const sink: Sink = (event) => {
 *   if (event.type === 'text-delta') process.stdout.write(event.delta)
 * }
 * const { text } = await run(agent, 'What is 2 + 2?', { sink })
 * ```
 */
export type Sink = (event: AgentEvent) => void | Promise<void>

/**
 * Carries the error of a sink past all code that would treat it as a fault of the model or of a
 * tool.
 */
export class SinkFailure extends Error {
  override readonly name = 'SinkFailure'

  constructor(cause: unknown) {
    super('the sink failed', { cause })
  }
}

/**
 * Wraps a sink. Its error or rejection becomes the `cause` of a `SinkFailure`. After that, the sink
 * receives no more events from any part of the run.
 */
export function guardSink(sink: Sink): Sink {
  let failure: SinkFailure | undefined
  const fail = (cause: unknown): never => {
    failure ??= new SinkFailure(cause)
    throw failure
  }
  return (event) => {
    if (failure !== undefined) throw failure
    let wait: void | Promise<void>
    try {
      wait = sink(event)
    } catch (cause) {
      return fail(cause)
    }
    // Most sinks return nothing, and then a token costs no promise.
    return wait instanceof Promise ? wait.catch(fail) : undefined
  }
}
