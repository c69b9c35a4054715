/** The headers of W3C Trace Context: the place of a span, and the span above in another process. */
import {
  type Context,
  createTraceState,
  isSpanContextValid,
  type SpanContext,
  trace,
} from '@opentelemetry/api'

import type { TraceHeaders } from '../../ground/trace.ts'

const flagsOf = (flags: number): string => flags.toString(16).padStart(2, '0')

/** Empty for a span that belongs to no trace. */
export function headersOf(place: SpanContext): TraceHeaders {
  if (!isSpanContextValid(place)) return {}
  const { traceId, spanId, traceFlags, traceState } = place
  return {
    traceparent: `00-${traceId}-${spanId}-${flagsOf(traceFlags)}`,
    ...(traceState !== undefined && { tracestate: traceState.serialize() }),
  }
}

/** A later version may add fields, and does not change these. */
const format = /^(?!ff)([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/

/** Adds the span of the headers as the parent. Invalid headers add nothing: a client may send any text. */
export function withHeaders(above: Context, { traceparent = '', tracestate }: TraceHeaders) {
  const [, version, traceId = '', spanId = '', flags = '', rest] = format.exec(traceparent) ?? []
  if (version === '00' && rest !== undefined) return above
  const place: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  }
  return isSpanContextValid(place) ? trace.setSpanContext(above, place) : above
}
