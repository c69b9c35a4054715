/**
 * Sends every event to a worker, a parent thread or a window: any object with `postMessage`. The
 * other side receives the events as structured clones.
 */
import type { AgentEvent } from '../event.ts'
import type { Sink } from '../sink.ts'

/**
 * The target of `portSink`: a `MessagePort`, a `Worker`, `parentPort`, a `BroadcastChannel`, or any object with
 * this method.
 * @example
 * ```ts
 * import { parentPort } from 'node:worker_threads'
 * import type { PostTarget } from 'loomkit'
 *
 * const target: PostTarget | null = parentPort
 * ```
 */
export interface PostTarget {
  /** Sends an event. The other side receives a structured clone. */
  postMessage(event: AgentEvent): void
}

/**
 * Returns a sink that posts each event to a target, for example another thread. The other side receives
 * structured clones. The run never waits for the target.
 * @example
 * ```ts
 * import { defineAgent, portSink, run } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const { port1, port2 } = new MessageChannel()
 * port2.onmessage = ({ data }) => process.stdout.write(`${data.type}\n`)
 * await run(agent, 'What is 2 + 2?', { sink: portSink(port1) })
 * ```
 */
export function portSink(target: PostTarget): Sink {
  return (event) => target.postMessage(event)
}
