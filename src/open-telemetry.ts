/** The traces of a program that runs agents itself. The server of Loom opens its own; see `server/open-traces.ts`. */
import { late } from './ground/late.ts'

const traces = late(() => import('./server/traces.ts'))

/**
 * Makes spans of turns, runs, model calls and tool calls, with the OpenTelemetry tracer provider that the program
 * has registered. A turn joins the trace of the code that posts its message, on any instance. The spans have no
 * text of messages and tools.
 * @returns a function that ends this
 * @example
 * ```ts
 * import { attachOpenTelemetry } from 'loomkit'
 *
 * const detach = await attachOpenTelemetry()
 * detach()
 * ```
 */
export async function attachOpenTelemetry(): Promise<() => void> {
  const { openTraces } = await traces()
  return openTraces().close
}
