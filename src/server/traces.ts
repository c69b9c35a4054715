/**
 * The traces of a server for OpenTelemetry. The telemetry events, which come once for each turn, run, step and
 * call, become spans with the names of the semantic conventions for generative AI. No span has a text of a
 * message, of a tool or of an error, and nothing here is on the path of a token.
 */
import { context, trace } from '@opentelemetry/api'

import { attachTracer, type TracedWork, type TraceHeaders } from '../ground/trace.ts'
import type { RequestWatch } from './request-watch.ts'
import { requestSpans } from './traces/request-spans.ts'
import { RunSpans } from './traces/run-spans.ts'
import { headersOf } from './traces/trace-headers.ts'
import { TurnSpans } from './traces/turn-spans.ts'

export interface Traces {
  readonly watch: RequestWatch
  /** Ends the subscriptions. */
  close: () => void
}

/** Makes spans with the global tracer provider of OpenTelemetry. */
export function openTraces({ version }: { version?: string } = {}): Traces {
  const tracer = trace.getTracer('loomkit', version)
  const turns = new TurnSpans(tracer)
  const runs = new RunSpans(tracer, turns)
  const spanOf = (work: TracedWork) =>
    work.type === 'turn' ? turns.spanOf(work.turn) : runs.spanOf(work)
  const detach = attachTracer({
    current(headers: TraceHeaders) {
      const span = trace.getSpan(context.active())
      if (span !== undefined) Object.assign(headers, headersOf(span.spanContext()))
    },
    within(work, run) {
      const span = spanOf(work)
      return span === undefined ? run() : context.with(trace.setSpan(context.active(), span), run)
    },
  })
  const ends = [detach, ...turns.subscribe(), ...runs.subscribe()]
  return { watch: requestSpans(tracer), close: () => ends.forEach((end) => end()) }
}
