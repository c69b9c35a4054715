/**
 * Where the events of a turn go. A sink that returns a promise holds the turn back until it settles:
 * that is the backpressure. A sink that returns nothing costs nothing. One that throws or rejects
 * ends the turn with that error.
 */
import type { AgentEvent } from './event.ts'

/**
 * Receives the events of a run, one after the other. If it returns a promise, the run waits until the promise
 * settles. If it throws or rejects, the run ends with that error.
 * @example
 * ```ts
 * import { defineAgent, run, type Sink } from 'loom'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const sink: Sink = (event) => {
 *   if (event.type === 'text-delta') process.stdout.write(event.delta)
 * }
 * const { text } = await run(agent, 'What is 2 + 2?', { sink })
 * ```
 */
export type Sink = (event: AgentEvent) => void | Promise<void>

/** Carries what a sink threw past everything that would take it for the model's or a tool's fault. */
export class SinkFailure extends Error {
  override readonly name = 'SinkFailure'

  constructor(cause: unknown) {
    super('the sink failed', { cause })
  }
}

/**
 * The same sink; whatever it throws or rejects with is the `cause` of a `SinkFailure`. From then on
 * it is told nothing more, whoever still has something to say.
 */
export function guarded(sink: Sink): Sink {
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
    // Most sinks return nothing, and a token then costs no promise.
    return wait instanceof Promise ? wait.catch(fail) : undefined
  }
}
